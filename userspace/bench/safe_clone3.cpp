// SPDX-License-Identifier: MIT
#include "baselines.hpp"
#include "clone3_call.hpp"

#include <cerrno>
#include <cstdint>

#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::bench {

namespace {

/// The kernel's view of a signal set: libc's functions leave out two signals of its own.
using SignalBits = std::uint64_t;

SignalBits set_signal_mask(SignalBits mask) {
    SignalBits before = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &before, sizeof(mask));
    return before;
}

/// Shared by both sides: the child has the caller's memory.
struct Plan {
    const ExecArguments& arguments;
    SignalBits mask;
    volatile int error = 0;
};

void run_child(void* pointer) {
    auto& plan = *static_cast<Plan*>(pointer);
    const ExecArguments& arguments = plan.arguments;
    // From here on the descriptor table is the child's own, made of 0 to 2.
    if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_UNSHARE) == 0) {
        set_signal_mask(plan.mask);
        if (arguments.search)
            execvpe(arguments.path, arguments.argv, arguments.envp);
        else
            execve(arguments.path, arguments.argv, arguments.envp);
    }
    plan.error = errno;
    _exit(127);
}

}  // namespace

BaselineChild start_by_safe_clone3(const ExecArguments& arguments) {
    int pidfd = -1;
    clone_args args{};
    args.flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND | CLONE_FILES | CLONE_PIDFD;
    args.exit_signal = SIGCHLD;
    args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);

    Plan plan{arguments, set_signal_mask(~SignalBits{0})};
    long pid = clone3_vfork(args, run_child, &plan);
    int error = errno;
    set_signal_mask(plan.mask);
    if (pid >= 0 && plan.error == 0)
        return {.pid = static_cast<pid_t>(pid), .pidfd = pidfd};
    if (pid >= 0) {
        error = plan.error;
        siginfo_t info;
        waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED);
        close(pidfd);
    }
    errno = error;
    return {.pid = -1};
}

}  // namespace spawntpl::bench
