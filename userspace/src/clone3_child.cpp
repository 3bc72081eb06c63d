// SPDX-License-Identifier: MIT
//
// The child of the backend "clone3", from its first to its last instruction outside of its program.
// It runs in the caller's memory, on the caller's stack below what the caller uses, so it makes
// system calls only, and none that is a cancellation point of libc.
#include "clone3_child.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

// A sanitizer would take note of functions that are entered and, for the caller, never left.
#define SPAWNTPL_IN_CHILD [[gnu::no_sanitize_address, gnu::no_sanitize_thread]]

struct KernelSigaction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    SignalBits mask;
};

template <typename Operand>
SPAWNTPL_IN_CHILD const Operand* operand(const spawn_template_action& action) {
    return reinterpret_cast<const Operand*>(static_cast<std::uintptr_t>(action.arg));
}

SPAWNTPL_IN_CHILD [[noreturn]] void fail(ChildPlan& plan, ChildStep step, int index = -1) {
    plan.error = errno;
    plan.step = step;
    plan.index = index;
    for (;;)
        syscall(SYS_exit_group, 127);
}

SPAWNTPL_IN_CHILD bool move_descriptor(int source, int target) {
    if (source == target)
        return syscall(SYS_fcntl, target, F_SETFD, 0) == 0;
    return syscall(SYS_dup3, source, target, 0) >= 0;
}

SPAWNTPL_IN_CHILD bool reset_signals(SignalBits signals) {
    KernelSigaction action{.handler = SIG_DFL, .flags = 0, .restorer = nullptr, .mask = 0};
    for (int signal = 1; signals != 0; ++signal, signals >>= 1)
        if (signals & 1)
            syscall(SYS_rt_sigaction, signal, &action, nullptr, sizeof(action.mask));
    return true;
}

SPAWNTPL_IN_CHILD bool enter_foreground(int terminal, pid_t group) {
    if (group == 0)
        group = static_cast<pid_t>(syscall(SYS_getpgid, 0));
    return syscall(SYS_ioctl, terminal, TIOCSPGRP, &group) == 0;
}

SPAWNTPL_IN_CHILD bool reset_ids() {
    return syscall(SYS_setresgid, -1, syscall(SYS_getgid), -1) == 0 &&
           syscall(SYS_setresuid, -1, syscall(SYS_getuid), -1) == 0;
}

SPAWNTPL_IN_CHILD bool set_ids(const spawn_template_ids& ids) {
    if ((ids.flags & SPAWN_TEMPLATE_IDS_GROUPS) &&
        syscall(SYS_setgroups, static_cast<std::size_t>(ids.nr_groups), ids.groups) != 0)
        return false;
    if ((ids.flags & SPAWN_TEMPLATE_IDS_GID) &&
        syscall(SYS_setresgid, ids.gid, ids.gid, ids.gid) != 0)
        return false;
    return !(ids.flags & SPAWN_TEMPLATE_IDS_UID) ||
           syscall(SYS_setresuid, ids.uid, ids.uid, ids.uid) == 0;
}

SPAWNTPL_IN_CHILD bool set_parent_death_signal(int signal, pid_t parent) {
    if (syscall(SYS_prctl, PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0)
        return false;
    // It may have ended before the kernel knew of the wish. From a new pid namespace, here 0, it
    // cannot be told.
    long now = syscall(SYS_getppid);
    if (signal != 0 && now != 0 && now != parent)
        syscall(SYS_kill, syscall(SYS_getpid), signal);
    return true;
}

/// What the kernel does for an action of spawn_template_spawn(2); false and errno if it fails.
SPAWNTPL_IN_CHILD bool perform(const spawn_template_action& action, pid_t parent) {
    switch (action.type) {
    case SPAWN_TEMPLATE_FCHDIR:
        return syscall(SYS_fchdir, action.fd) == 0;
    case SPAWN_TEMPLATE_UMASK:
        if (action.arg <= 0777)
            return syscall(SYS_umask, action.arg) >= 0;
        break;
    case SPAWN_TEMPLATE_SETSID:
        return syscall(SYS_setsid) >= 0;
    case SPAWN_TEMPLATE_SETPGID:
        return syscall(SYS_setpgid, 0, action.arg) == 0;
    case SPAWN_TEMPLATE_SETCTTY:
        return syscall(SYS_ioctl, action.fd, TIOCSCTTY, 0) == 0;
    case SPAWN_TEMPLATE_TCSETPGRP:
        return enter_foreground(action.fd, static_cast<pid_t>(action.arg));
    case SPAWN_TEMPLATE_DUP2:
        return move_descriptor(action.fd, action.newfd);
    case SPAWN_TEMPLATE_CLOSE:
        syscall(SYS_close, action.fd);
        return true;
    case SPAWN_TEMPLATE_RLIMIT: {
        const auto& limit = *operand<spawn_template_rlimit>(action);
        rlimit64 value{limit.cur, limit.max};
        return syscall(SYS_prlimit64, 0, limit.resource, &value, nullptr) == 0;
    }
    case SPAWN_TEMPLATE_NICE:
        // The system call takes any number and makes it one of them.
        if (static_cast<std::int64_t>(action.arg) >= -20 &&
            static_cast<std::int64_t>(action.arg) <= 19)
            return syscall(SYS_setpriority, PRIO_PROCESS, 0, action.arg) == 0;
        break;
    case SPAWN_TEMPLATE_SETSCHED:
        return syscall(SYS_sched_setattr, 0, action.arg, 0) == 0;
    case SPAWN_TEMPLATE_AFFINITY:
        return syscall(SYS_sched_setaffinity, 0, action.size, action.arg) == 0;
    case SPAWN_TEMPLATE_RESETIDS:
        return reset_ids();
    case SPAWN_TEMPLATE_SETIDS:
        return set_ids(*operand<spawn_template_ids>(action));
    case SPAWN_TEMPLATE_NO_NEW_PRIVS:
        return syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    case SPAWN_TEMPLATE_PDEATHSIG:
        return set_parent_death_signal(static_cast<int>(action.arg), parent);
    case SPAWN_TEMPLATE_SIGDEFAULT:
        return reset_signals(*operand<SignalBits>(action));
    case SPAWN_TEMPLATE_SIGMASK:
        return syscall(SYS_rt_sigprocmask, SIG_SETMASK, action.arg, nullptr, action.size) == 0;
    }
    errno = EINVAL;
    return false;
}

SPAWNTPL_IN_CHILD void perform_all(ChildPlan& plan,
                                   const std::span<const spawn_template_action>& actions) {
    const spawn_template_action* first = plan.before_fds.data();
    for (const spawn_template_action* action = actions.data();
         action != actions.data() + actions.size(); ++action)
        if (!perform(*action, plan.parent))
            fail(plan, ChildStep::action, static_cast<int>(action - first));
}

SPAWNTPL_IN_CHILD void close_descriptors(ChildPlan& plan, unsigned first, unsigned last,
                                         unsigned flags) {
    if (syscall(SYS_close_range, first, last, flags) != 0)
        fail(plan, ChildStep::take_descriptors);
}

SPAWNTPL_IN_CHILD [[noreturn, gnu::noinline]] void run_child(ChildPlan* plan_pointer) {
    ChildPlan& plan = *plan_pointer;
    perform_all(plan, plan.before_fds);
    if (plan.keep_below != INT_MAX)
        close_descriptors(plan, plan.keep_below, ~0U, CLOSE_RANGE_UNSHARE);
    perform_all(plan, plan.fds);
    for (const FdRange& range : plan.closes)
        close_descriptors(plan, range.first, range.last, 0);

    // With its last signal set a signal can end or stop the child, as it could the program. The
    // caller waits for a child that is stopped, as that of any vfork does.
    bool masked = !plan.after_fds.empty() && plan.after_fds.back().type == SPAWN_TEMPLATE_SIGMASK;
    perform_all(plan, plan.after_fds);
    if (plan.mask && !masked)
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, plan.mask, nullptr, sizeof(*plan.mask));
    if (plan.path)
        syscall(SYS_execve, plan.path, plan.argv, plan.envp);
    else
        syscall(SYS_execveat, plan.program, "", plan.argv, plan.envp, AT_EMPTY_PATH);
    fail(plan, ChildStep::execute);
}

#ifdef __x86_64__

/// Makes room below what the caller uses: the child may set a limit by which its stack, which is
/// the caller's, could not grow.
[[gnu::noinline]] void touch_stack() {
    volatile char room[16 * 1024];
    for (std::size_t i = 0; i < sizeof(room); i += 1024)
        room[i] = 0;
}

#endif

}  // namespace

long clone_child(clone_args& args, [[maybe_unused]] ChildPlan& plan) {
#ifdef __x86_64__
    auto sets_limit = [](const auto& action) { return action.type == SPAWN_TEMPLATE_RLIMIT; };
    if (std::ranges::any_of(plan.after_fds, sets_limit))
        touch_stack();
    // libc has no function for a child that must not return into its caller's frame. It leaves the
    // red zone alone, which may hold what the caller still needs. Its operands are in registers
    // that neither the system call nor the child's first instructions change.
    long result = SYS_clone3;
    register void (*run)(ChildPlan*) asm("r8") = run_child;
    asm volatile(
        "syscall\n"
        "test %%rax, %%rax\n"
        "jnz 1f\n"
        "xor %%ebp, %%ebp\n"
        "sub $128, %%rsp\n"
        "and $-16, %%rsp\n"
        "mov %%rdx, %%rdi\n"
        "call *%%r8\n"
        "ud2\n"
        "1:"
        : "+a"(result)
        : "D"(&args), "S"(sizeof(args)), "d"(&plan), "r"(run)
        : "rcx", "r11", "memory", "cc");
    return result;
#else
    static_cast<void>(args);
    return -ENOSYS;
#endif
}

const char* why_no_clone_child() {
#ifdef __x86_64__
    return "";
#else
    return "not implemented for this processor";
#endif
}

}  // namespace spawntpl::detail
