// SPDX-License-Identifier: MIT
#include "warm_broker.hpp"

#include "process_generation.hpp"
#include "process_stat.hpp"
#include "reaping.hpp"

#include <cerrno>
#include <ctime>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

constexpr std::int64_t microseconds_of_second = 1'000'000;

timeval to_timeval(std::int64_t microseconds) {
    return {.tv_sec = microseconds / microseconds_of_second,
            .tv_usec = microseconds % microseconds_of_second};
}

/// Waits until it has ended; false and errno if that fails.
bool await_end(const Fd& pidfd) {
    pollfd end{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
    int ended;
    do
        ended = poll(&end, 1, -1);
    while (ended < 0 && errno == EINTR);
    return ended > 0;
}

/// A tracer may have to take note of an end before the parent can.
void wait_for_tracer() {
    constexpr timespec while_looking{.tv_sec = 0, .tv_nsec = 10'000'000};
    nanosleep(&while_looking, nullptr);
}

}  // namespace

WarmBroker::~WarmBroker() {
    int error = errno;
    // In a copy of the owner it is still the owner's.
    if (pidfd_ && process_generation() == owner_)
        kill_process(pidfd_);
    errno = error;
}

std::string WarmBroker::why_none() {
    int is_reaper = 0;
    if (prctl(PR_GET_CHILD_SUBREAPER, &is_reaper) == 0 && (is_reaper != 0 || getpid() == 1))
        return "orphans become children of this process, and so would its broker";
    return {};
}

void WarmBroker::set(pid_t pid, Fd pidfd) {
    owner_ = process_generation();
    pid_ = pid;
    pidfd_ = std::move(pidfd);
}

bool WarmBroker::has_ended() const {
    return detail::has_ended(pidfd_);
}

bool WarmBroker::wait(pid_t pid, const Fd& pidfd, int options, siginfo_t& info, rusage& usage) {
    info = {};
    if (process_generation() != owner_) {
        errno = ECHILD;
        return false;
    }
    for (;;) {
        if ((options & WNOHANG) != 0 && !detail::has_ended(pidfd))
            return true;
        if ((options & WNOHANG) == 0 && !await_end(pidfd))
            return false;
        WarmEnd end{};
        if (int error = ask(pid, end); error != 0) {
            errno = error;
            return false;
        }
        if (end.code == 0 && (options & WNOHANG) == 0) {
            wait_for_tracer();
            continue;
        }
        info.si_pid = end.code == 0 ? 0 : pid;
        info.si_code = end.code;
        info.si_status = end.status;
        usage = {};
        usage.ru_utime = to_timeval(end.user_time);
        usage.ru_stime = to_timeval(end.system_time);
        usage.ru_maxrss = end.max_rss;
        return true;
    }
}

Error WarmBroker::error(int error) const {
    Error result{.code = {error, std::generic_category()}, .step = Step::wait};
    if (error == ECHILD && process_generation() == owner_ && has_ended())
        result.detail = "the broker of its template has ended, which alone knew how the child did";
    return result;
}

void WarmBroker::kill_and_reap(pid_t pid, const Fd& pidfd) {
    kill_process(pidfd);
    siginfo_t info;
    rusage usage;
    wait(pid, pidfd, 0, info, usage);
}

void WarmBroker::kill_and_reap(pid_t pid) {
    Fd pidfd = open_process(pid);
    auto stat = read_stat(pid);
    if (pidfd && stat && stat->parent == pid_)
        kill_and_reap(pid, pidfd);
}

/// 0 or an errno: ECHILD if nobody will ever know.
int WarmBroker::ask(pid_t pid, WarmEnd& end) {
    WarmWait question{.magic = warm_magic, .version = warm_version, .pid = pid};
    std::lock_guard lock(mutex_);
    if (!channel_.send(std::as_bytes(std::span(&question, 1)), {}))
        return errno == EPIPE || errno == ECONNRESET ? ECHILD : errno;
    bool is_any;
    while (!(is_any = channel_.receive(end)) && errno == EAGAIN && !is_stopped(pid_)) {
    }
    if (is_any && end.pid == pid)
        return end.error;
    // One that is stopped, or is no broker, would keep the next ones waiting, too.
    kill_process(pidfd_);
    await_end(pidfd_);
    return ECHILD;
}

}  // namespace spawntpl::detail
