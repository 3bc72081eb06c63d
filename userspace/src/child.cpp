// SPDX-License-Identifier: MIT
#include "deadline.hpp"
#include "failure.hpp"
#include "process_tree.hpp"
#include "stop_stages.hpp"
#include "warm_broker.hpp"

#include <spawntpl/child.hpp>

#include <cerrno>
#include <utility>

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl {

namespace {

using detail::Clock;
using detail::failure;

ExitStatus to_status(const siginfo_t& info) {
    return info.si_code == CLD_EXITED
               ? ExitStatus::exited(info.si_status)
               : ExitStatus::killed(info.si_status, info.si_code == CLD_DUMPED);
}

std::chrono::microseconds to_duration(const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

ResourceUsage to_usage(const rusage& usage) {
    return {.user_time = to_duration(usage.ru_utime),
            .system_time = to_duration(usage.ru_stime),
            .max_rss = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024};
}

}  // namespace

Child::Child(pid_t pid, Fd pidfd, std::string_view backend, std::map<int, Fd> pipes, Fd terminal)
    : pid_(pid),
      pidfd_(std::move(pidfd)),
      backend_(backend),
      pipes_(std::move(pipes)),
      terminal_(std::move(terminal)) {}

Child::Child(Child&& other) noexcept = default;

Child& Child::operator=(Child&& other) noexcept {
    if (this != &other) {
        release();
        pid_ = other.pid_;
        pidfd_ = std::move(other.pidfd_);
        backend_ = other.backend_;
        broker_ = std::move(other.broker_);
        why_not_warm_ = std::move(other.why_not_warm_);
        pipes_ = std::move(other.pipes_);
        terminal_ = std::move(other.terminal_);
        status_ = other.status_;
        usage_ = other.usage_;
        stop_policy_ = other.stop_policy_;
        stopping_process_ = other.stopping_process_;
    }
    return *this;
}

Child::~Child() {
    release();
}

void Child::release() {
    if (!pidfd_)
        return;
    // Destructors run between a failure and a look at its errno.
    int error = errno;
    if (!status_ && stop_policy_ && stopping_process_ == getpid()) {
        // One that writes to a pipe that nobody reads any more would not end by itself.
        pipes_.clear();
        terminal_.reset();
        static_cast<void>(stop(*stop_policy_));
    }
    if (!status_)
        static_cast<void>(reap(WNOHANG));
    pidfd_.reset();
    errno = error;
}

void Child::stop_at_end(StopPolicy policy) {
    stop_policy_ = policy;
    stopping_process_ = getpid();
}

void Child::detach() {
    stop_policy_.reset();
    pidfd_.reset();
    broker_.reset();
}

int Child::pipe(int target) const {
    auto found = pipes_.find(target);
    return found == pipes_.end() ? -1 : found->second.get();
}

Fd Child::take_pipe(int target) {
    auto found = pipes_.find(target);
    if (found == pipes_.end())
        return {};
    Fd end = std::move(found->second);
    pipes_.erase(found);
    return end;
}

Result<std::optional<ExitStatus>> Child::reap(int options) {
    if (status_)
        return status_;
    if (!pidfd_)
        return failure(ECHILD, Step::wait);

    siginfo_t info{};
    rusage usage{};
    long result;
    if (broker_) {
        if (!broker_->wait(pid_, pidfd_, options, info, usage))
            return std::unexpected(broker_->error(errno));
    } else {
        // Unlike libc's waitid() it tells what the child used.
        do
            result = syscall(SYS_waitid, P_PIDFD, pidfd_.get(), &info, WEXITED | options, &usage);
        while (result < 0 && errno == EINTR);
        if (result < 0)
            return failure(errno, Step::wait);
    }
    if (info.si_pid != 0) {
        status_ = to_status(info);
        usage_ = to_usage(usage);
    }
    return status_;
}

Result<ExitStatus> Child::wait() {
    auto status = reap(0);
    if (!status)
        return std::unexpected(std::move(status.error()));
    return **status;
}

Result<std::optional<ExitStatus>> Child::try_wait() {
    return reap(WNOHANG);
}

Result<std::optional<ExitStatus>> Child::wait_for(std::chrono::nanoseconds time) {
    return wait_until(detail::after(time));
}

Result<std::optional<ExitStatus>> Child::wait_until(Clock::time_point time) {
    while (true) {
        auto status = reap(WNOHANG);
        if (!status || *status || Clock::now() >= time)
            return status;
        pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
        timespec left = detail::time_left(time);
        if (ppoll(&ended, 1, &left, nullptr) < 0 && errno != EINTR)
            return failure(errno, Step::wait);
    }
}

Result<void> Child::send_signal(int signal) const {
    if (!pidfd_ || status_)
        return failure(ESRCH, Step::send_signal);
    if (syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) != 0)
        return failure(errno, Step::send_signal);
    return {};
}

Result<void> Child::kill() const {
    return send_signal(SIGKILL);
}

Result<void> Child::kill_tree() const {
    return signal_tree(SIGKILL);
}

Result<void> Child::signal_tree(int signal) const {
    if (auto stopped = send_signal(SIGSTOP); !stopped)
        return stopped;
    detail::signal_descendants(pid_, signal);
    auto sent = send_signal(signal);
    if (signal != SIGKILL)
        static_cast<void>(send_signal(SIGCONT));
    // It may have ended meanwhile; nobody has to wait for it where SIGCHLD is ignored.
    if (!sent && sent.error().code == std::errc::no_such_process)
        return {};
    return sent;
}

Result<ExitStatus> Child::stop(const StopPolicy& policy) {
    detail::StopStages stages(policy);
    while (!status_) {
        auto end = stages.begin_next(*this);
        if (!end)
            return std::unexpected(std::move(end.error()));
        if (!*end)
            return failure(ETIMEDOUT, Step::wait);
        if (auto status = wait_until(**end); !status)
            return std::unexpected(std::move(status.error()));
    }
    return *status_;
}

}  // namespace spawntpl
