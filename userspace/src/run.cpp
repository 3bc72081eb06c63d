// SPDX-License-Identifier: MIT
#include "capture.hpp"
#include "deadline.hpp"
#include "failure.hpp"
#include "request_errors.hpp"
#include "stop_stages.hpp"

#include <spawntpl/run.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace spawntpl {

namespace {

using detail::Clock;
using detail::failure;

/// What is kept of a stream, whichever descriptors it comes from.
struct Captured {
    std::string bytes{};
    bool cut = false;
};

/// A descriptor to read from. Kept to the end: closing that of a terminal would hang up.
struct Source {
    Fd fd;
    Captured* captured;
    bool at_end = false;
};

class Run {
public:
    Run(Child child, const RunOptions& options)
        : options_(options),
          child_(std::move(child)),
          sources_{{{child_.take_pipe(STDOUT_FILENO), &out_},
                    {child_.take_pipe(STDERR_FILENO), &err_},
                    {child_.take_terminal(), &out_}}} {
        for (Source& source : sources_)
            source.at_end = !source.fd;
        if (options_.timeout)
            deadline_ = detail::after(*options_.timeout);
        // Where SIGCHLD is ignored it may be gone already.
        if (child_.pidfd() < 0)
            child_ended();
    }

    Run(const Run&) = delete;

    Result<Output> to_end() {
        while (!over_)
            if (auto done = do_next(); !done)
                return std::unexpected(std::move(done.error()));
        auto status = child_.wait();
        if (!status)
            return std::unexpected(std::move(status.error()));
        return Output{.status = *status,
                      .out = std::move(out_.bytes),
                      .err = std::move(err_.bytes),
                      .out_cut = out_.cut,
                      .err_cut = err_.cut,
                      .timed_out = timed_out_,
                      .left_open = !all_at_end(),
                      .usage = *child_.usage(),
                      .backend = child_.backend()};
    }

private:
    Result<void> do_next() {
        std::array<pollfd, 4> polled;
        polled[0] = {.fd = ended_ ? -1 : child_.pidfd(), .events = POLLIN, .revents = 0};
        for (std::size_t i = 0; i < sources_.size(); ++i)
            polled[i + 1] = {.fd = sources_[i].at_end ? -1 : sources_[i].fd.get(),
                             .events = POLLIN,
                             .revents = 0};
        timespec left = detail::time_left(deadline_);
        if (ppoll(polled.data(), polled.size(), &left, nullptr) < 0)
            return errno == EINTR ? Result<void>() : failure(errno, Step::wait);

        for (std::size_t i = 0; i < sources_.size(); ++i)
            if (polled[i + 1].revents != 0)
                if (auto done = read_once(sources_[i]); !done)
                    return done;
        // It is waited for at the end only: until then its number is that of its group.
        if (polled[0].revents != 0)
            child_ended();
        if (ended_ && all_at_end()) {
            over_ = true;
            return {};
        }
        if (options_.stop_at_limit && (out_.cut || err_.cut) && !ended_ && !stages_)
            return begin_stop();
        return Clock::now() < deadline_ ? Result<void>() : time_over();
    }

    void child_ended() {
        ended_ = true;
        deadline_ = detail::after(options_.grace);
    }

    bool all_at_end() const { return std::ranges::all_of(sources_, &Source::at_end); }

    Result<void> time_over() {
        if (ended_) {
            over_ = true;
            return read_rest();
        }
        if (stages_)
            return next_stage();
        timed_out_ = true;
        return begin_stop();
    }

    Result<void> begin_stop() {
        stages_.emplace(options_.stop);
        return next_stage();
    }

    Result<void> next_stage() {
        auto end = stages_->begin_next(child_);
        if (!end)
            return std::unexpected(std::move(end.error()));
        if (!*end)
            return failure(ETIMEDOUT, Step::wait);
        deadline_ = **end;
        return {};
    }

    void keep(Captured& captured, std::string_view more) const {
        captured.cut |= detail::capture(captured.bytes, more, options_.limit) > 0;
    }

    /// Does not block after poll(): nobody else reads from there.
    Result<void> read_once(Source& source) {
        ssize_t count = read(source.fd.get(), buffer_.data(), buffer_.size());
        // That nobody has the other side of a terminal any more is an error of its own.
        if (count == 0 || (count < 0 && errno == EIO))
            source.at_end = true;
        else if (count > 0)
            keep(*source.captured, {buffer_.data(), static_cast<std::size_t>(count)});
        else if (errno != EINTR)
            return failure(errno, Step::read_output);
        return {};
    }

    /// What was written up to now, which whoever goes on writing does not make more.
    Result<void> read_rest() {
        for (Source& source : sources_) {
            int there = 0;
            if (!source.at_end && ioctl(source.fd.get(), FIONREAD, &there) != 0)
                return failure(errno, Step::read_output);
            auto reads = there / std::ssize(buffer_) + 1;
            pollfd polled{.fd = source.fd.get(), .events = POLLIN, .revents = 0};
            while (!source.at_end && poll(&polled, 1, 0) > 0) {
                // Without a writer only what is there keeps it from its end.
                if (reads-- <= 0 && !(polled.revents & POLLHUP))
                    break;
                if (auto done = read_once(source); !done)
                    return done;
            }
        }
        return {};
    }

    RunOptions options_;
    Captured out_;
    Captured err_;
    Child child_;
    std::array<Source, 3> sources_;
    std::vector<char> buffer_ = std::vector<char>(64 * 1024);  // as much as a pipe holds
    std::optional<detail::StopStages> stages_;                 ///< once the child is being ended
    Clock::time_point deadline_ = Clock::time_point::max();
    bool timed_out_ = false;
    bool ended_ = false;
    bool over_ = false;
};

/// With pipes for the streams that the Command leaves free.
Result<Command> captured(Command command) {
    const auto& redirections = command.redirections();
    for (std::size_t i = 0; i < redirections.size(); ++i) {
        const auto* pipe = std::get_if<FromPipe>(&redirections[i].source);
        int target = redirections[i].target;
        if (pipe && !(pipe->child_writes && (target == STDOUT_FILENO || target == STDERR_FILENO)))
            return std::unexpected(detail::redirect_error(
                command, EINVAL, static_cast<int>(i),
                "run() reads from 1 and 2 only; a child that is given bytes has them by input()"));
    }
    if (!command.attributes().pseudo_terminal)
        for (int target : {STDOUT_FILENO, STDERR_FILENO})
            if (!std::ranges::count(redirections, target, &Redirection::target))
                command.pipe_from_child(target);
    return command;
}

}  // namespace

Result<Output> run(const Template& program, Command command, const RunOptions& options) {
    auto ready = captured(std::move(command));
    if (!ready)
        return std::unexpected(std::move(ready.error()));
    auto child = program.spawn(*ready);
    if (!child)
        return std::unexpected(std::move(child.error()));

    RunOptions all = options;
    if (!all.stop.kill)
        all.stop.kill = std::chrono::milliseconds::max();
    // If something fails before it is waited for.
    child->stop_at_end({.kill = all.stop.kill, .tree = all.stop.tree});
    return Run(std::move(*child), all).to_end();
}

Result<Output> run(const std::vector<std::string>& program_and_args, const RunOptions& options) {
    if (program_and_args.empty())
        return run({""}, options);
    auto program = Template::open(program_and_args.front());
    if (!program)
        return std::unexpected(std::move(program.error()));
    return run(*program, Command({program_and_args.begin() + 1, program_and_args.end()}), options);
}

}  // namespace spawntpl
