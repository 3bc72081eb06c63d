// SPDX-License-Identifier: MIT
#include "running_job.hpp"

#include "capture.hpp"

#include <cerrno>
#include <new>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace spawntpl::detail {

RunningJob::RunningJob(Job job, Child child, JobResult result, Clock::time_point started,
                       EventLoop& loop, Token first_token)
    : job_(std::move(job)),
      child_(std::move(child)),
      result_(std::move(result)),
      started_(started),
      loop_(loop),
      first_token_(first_token) {
    result_.pid = child_.pid();
    result_.backend = child_.backend();
    result_.why_not_warm = child_.why_not_warm();
}

void RunningJob::watch() {
    if (job_.time_limit)
        deadline_ = after(*job_.time_limit);
    Result<void> awaited;
    try {
        awaited = await_events();
    } catch (const std::bad_alloc&) {
        awaited = std::unexpected(watch_error(ENOMEM));
    }
    if (awaited)
        return;
    static_cast<void>(child_.kill());
    static_cast<void>(child_.wait());
    loop_.cancel(first_token_);
    result_.status = std::unexpected(std::move(awaited.error()));
    finish();
}

Result<void> RunningJob::await_events() {
    for (const Redirection& redirection : job_.command.redirections())
        if (auto* pipe = std::get_if<FromPipe>(&redirection.source); pipe && pipe->child_writes) {
            outputs_.push_back({redirection.target, child_.take_pipe(redirection.target)});
            if (!job_.on_output)
                result_.output[redirection.target];
        }
    if (auto awaited = await_exit(); !awaited)
        return awaited;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
        if (auto read = loop_.read(output_token(i), outputs_[i].pipe.get()); !read)
            return read;
        ++open_outputs_;
    }
    return {};
}

/// That of a broker's is seen, but it is no child to wait for.
Result<void> RunningJob::await_exit() {
    return child_.has_broker() ? loop_.await_readable(first_token_, child_.pidfd())
                               : loop_.await_exit(first_token_, child_.pidfd());
}

void RunningJob::handle(const Event& event) {
    if (event.token == first_token_)
        child_ended();
    else
        got_output(event.token - first_token_ - 1, event);
}

void RunningJob::child_ended() {
    auto status = child_.try_wait();
    if (status && !*status) {
        // Not this child's end after all.
        if (auto awaited = await_exit(); awaited)
            return;
        status = std::unexpected(watch_error(ENOMEM));
    }
    if (phase_ == Phase::abandoned) {
        phase_ = Phase::over;
        return;
    }
    if (status)
        result_.status = **status;
    else
        result_.status = std::unexpected(std::move(status.error()));
    result_.usage = child_.usage();
    result_.duration = Clock::now() - started_;
    drain();
}

void RunningJob::drain() {
    phase_ = Phase::draining;
    if (open_outputs_ == 0)
        finish();
    else
        deadline_ = after(job_.output_grace);
}

void RunningJob::got_output(std::size_t index, const Event& event) {
    if (index >= outputs_.size() || !outputs_[index].pipe)
        return;
    int target = outputs_[index].target;
    if (event.bytes.empty()) {
        outputs_[index].pipe.reset();
        --open_outputs_;
        if (phase_ == Phase::draining && open_outputs_ == 0)
            finish();
    } else if (job_.on_output) {
        job_.on_output(result_.id, target, event.bytes);
    } else {
        Captured& captured = result_.output[target];
        try {
            captured.dropped += capture(captured.bytes, event.bytes, job_.capture_limit);
        } catch (const std::bad_alloc&) {
            captured.dropped += event.bytes.size();
        }
    }
}

void RunningJob::expire() {
    deadline_ = Clock::time_point::max();
    switch (phase_) {
    case Phase::running:
        if (!has_ended())
            stop(JobEnd::timed_out, job_.stop);
        break;
    case Phase::stopping:
        if (!has_ended())
            next_stop_stage();
        break;
    case Phase::draining:
        deadline_ = Clock::now();  // again, if a callback throws
        read_rest();
        finish();
        break;
    case Phase::abandoned:
    case Phase::over:
        break;
    }
}

bool RunningJob::has_ended() const {
    pollfd ended{.fd = child_.pidfd(), .events = POLLIN, .revents = 0};
    return poll(&ended, 1, 0) > 0;
}

void RunningJob::read_rest() {
    std::vector<char> buffer;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
        int there = 0;
        int pipe = outputs_[i].pipe.get();
        if (!outputs_[i].pipe || ioctl(pipe, FIONREAD, &there) != 0 || there <= 0)
            continue;
        loop_.cancel(output_token(i));
        buffer.resize(static_cast<std::size_t>(there));
        // The other end has flags of its own, and this one is about to be closed.
        fcntl(pipe, F_SETFL, O_NONBLOCK);
        if (ssize_t length = read(pipe, buffer.data(), buffer.size()); length > 0)
            got_output(i, {.token = output_token(i),
                           .bytes = {buffer.data(), static_cast<std::size_t>(length)}});
    }
}

void RunningJob::stop(JobEnd why, const StopPolicy& policy) {
    if (phase_ == Phase::draining) {
        // Nothing is left to stop but the reading.
        deadline_ = Clock::now();
        return;
    }
    if (phase_ == Phase::running)
        result_.end = why;
    phase_ = Phase::stopping;
    stop_stages_.emplace(policy);
    next_stop_stage();
}

void RunningJob::next_stop_stage() {
    while (true) {
        auto end = stop_stages_->begin_next(child_);
        if (end && !*end)
            break;
        // One that has ended already is told of by an event.
        if (end || end.error().code == std::errc::no_such_process) {
            deadline_ = end ? **end : Clock::time_point::max();
            return;
        }
        stop_error_ = std::move(end.error());
    }
    result_.status = std::unexpected(stop_error_.value_or(
        Error{.code = {ETIMEDOUT, std::generic_category()}, .step = Step::wait}));
    result_.duration = Clock::now() - started_;
    phase_ = Phase::abandoned;
    close_outputs();
    has_result_ = true;
}

void RunningJob::close_outputs() {
    for (std::size_t i = 0; i < outputs_.size(); ++i)
        if (outputs_[i].pipe) {
            loop_.cancel(output_token(i));
            outputs_[i].pipe.reset();
        }
    open_outputs_ = 0;
}

void RunningJob::finish() {
    close_outputs();
    phase_ = Phase::over;
    deadline_ = Clock::time_point::max();
    has_result_ = true;
}

}  // namespace spawntpl::detail
