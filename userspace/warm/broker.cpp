// SPDX-License-Identifier: MIT
//
// The process that was to be the template process is its parent instead, and so that of all
// children. It only waits for them, each when the owner asks for it: until then a child that has
// ended keeps its number, as one of the owner's own would.
#include "broker.hpp"

#include "messages.hpp"
#include "warm_protocol.hpp"

#include <cerrno>
#include <cstddef>

#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::warm {

namespace {

using detail::WarmEnd;

/// Copies of the owner may have its end of the socket, too, and go on without it.
int open_owner() {
    ucred owner{};
    socklen_t size = sizeof(owner);
    if (getsockopt(detail::warm_broker, SOL_SOCKET, SO_PEERCRED, &owner, &size) != 0)
        return -1;
    return static_cast<int>(syscall(SYS_pidfd_open, owner.pid, 0));
}

/// Its directory could not be unmounted else, and what is for the owner's terminal or process group
/// would be for the broker, too.
void leave_surroundings() {
    std::uint64_t all = ~std::uint64_t{0};
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, sizeof(all));
    syscall(SYS_close_range, 0, detail::warm_broker - 1, 0);
    syscall(SYS_close_range, detail::warm_broker + 1, ~0U, 0);
    if (chdir("/") != 0)
        _exit(1);
    // A program may lead a session before it calls spawntpl_ready(), and then leads its group.
    setpgid(0, 0);
    prctl(PR_SET_NAME, "spawntpl-broker", 0, 0, 0);
}

std::int64_t microseconds(const timeval& time) {
    return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_usec;
}

/// Looks whether a child has ended, and reaps it then.
WarmEnd look_at(pid_t pid) {
    siginfo_t info{};
    rusage usage{};
    WarmEnd end{};
    end.magic = detail::warm_magic;
    end.pid = pid;
    // Unlike libc's waitid() it tells what the child used.
    if (syscall(SYS_waitid, P_PID, pid, &info, WEXITED | WNOHANG | __WALL, &usage) != 0) {
        end.error = errno;
    } else if (info.si_pid != 0) {
        end.code = info.si_code;
        end.status = info.si_status;
        end.user_time = microseconds(usage.ru_utime);
        end.system_time = microseconds(usage.ru_stime);
        end.max_rss = usage.ru_maxrss;
    }
    return end;
}

[[noreturn]] void answer_owner() {
    int owner = open_owner();
    for (;;) {
        pollfd wakers[] = {{.fd = detail::warm_broker, .events = POLLIN, .revents = 0},
                           {.fd = owner, .events = POLLIN, .revents = 0}};
        ppoll(wakers, 2, nullptr, nullptr);
        if (wakers[1].revents != 0)
            _exit(0);
        if (wakers[0].revents == 0)
            continue;
        Received message = receive(detail::warm_broker);
        pid_t pid;
        if (!message.whole ||
            detail::decode_warm_wait(message.bytes, static_cast<std::uint32_t>(message.fds.size()),
                                     pid))
            _exit(1);
        WarmEnd end = look_at(pid);
        // The child has been reaped: nobody could be told of its end again.
        if (!detail::send_warm_message(detail::warm_broker, std::as_bytes(std::span(&end, 1)), {}))
            _exit(1);
    }
}

}  // namespace

bool has_broker() {
    std::uint32_t wanted = 0;
    return pread(detail::warm_page, &wanted, sizeof(wanted),
                 offsetof(detail::WarmPage, has_broker)) == sizeof(wanted) &&
           wanted != 0;
}

void leave_to_copy(int* thread_id) {
    // The ends of children that nobody may wait for are lost. The copy is what the caller is.
    struct sigaction none {
    }, old;
    none.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &none, &old);
    pid_t self = getpid();
    std::uint64_t flags = CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD;
    long pid = syscall(SYS_clone, flags, nullptr, nullptr, thread_id, 0);
    if (pid < 0)
        _exit(1);
    if (pid > 0) {
        leave_surroundings();
        answer_owner();
    }
    sigaction(SIGCHLD, &old, nullptr);
    close(detail::warm_broker);
    // Of its children without the broker nobody would know how they end.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != self)
        _exit(1);
}

}  // namespace spawntpl::warm
