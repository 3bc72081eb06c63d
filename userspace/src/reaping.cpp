// SPDX-License-Identifier: MIT
#include "reaping.hpp"

#include "process_stat.hpp"

#include <cerrno>

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

// Not waitid(3), which is a cancellation point.
bool wait_for(idtype_t type, int id, siginfo_t& info, int options) {
    long result;
    info = {};
    do
        result = syscall(SYS_waitid, type, id, &info, options | __WALL, nullptr);
    while (result < 0 && errno == EINTR);
    return result == 0;
}

}  // namespace

Fd open_process(pid_t pid) {
    return Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

bool has_ended(const Fd& pidfd) {
    pollfd ended{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
    return poll(&ended, 1, 0) > 0;
}

void kill_process(const Fd& pidfd) {
    syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
}

bool is_over_or_stopped(const Fd& pidfd) {
    siginfo_t info;
    if (wait_for(P_PIDFD, pidfd.get(), info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT))
        return info.si_pid != 0;
    return errno != ECHILD || has_ended(pidfd);
}

void kill_and_reap(const Fd& pidfd) {
    siginfo_t info;
    // Another process may have got the number of one that others have reaped.
    if (!wait_for(P_PIDFD, pidfd.get(), info, WEXITED | WNOHANG | WNOWAIT))
        return;
    kill_process(pidfd);
    wait_for(P_PIDFD, pidfd.get(), info, WEXITED);
}

void kill_and_reap(pid_t pid) {
    siginfo_t info;
    if (!wait_for(P_PID, pid, info, WEXITED | WNOHANG | WNOWAIT))
        return;
    kill(pid, SIGKILL);
    wait_for(P_PID, pid, info, WEXITED);
}

bool is_stopped(pid_t pid) {
    auto stat = read_stat(pid);
    return stat && stat->state == 'T';
}

}  // namespace spawntpl::detail
