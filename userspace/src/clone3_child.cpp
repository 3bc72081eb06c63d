// SPDX-License-Identifier: MIT
//
// The child of the backend "clone3", from its first to its last instruction outside of its program.
// It runs in the caller's memory, on the caller's stack below what the caller uses, so it makes
// system calls only, and none that is a cancellation point of libc.
#include "clone3_child.hpp"

#include "child_action.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

SPAWNTPL_IN_CHILD [[noreturn]] void fail(ChildPlan& plan, ChildStep step, int index = -1) {
    plan.error = errno;
    plan.step = step;
    plan.index = index;
    for (;;)
        syscall(SYS_exit_group, 127);
}

SPAWNTPL_IN_CHILD void perform_all(ChildPlan& plan,
                                   const std::span<const spawn_template_action>& actions) {
    const spawn_template_action* first = plan.before_fds.data();
    for (const spawn_template_action* action = actions.data();
         action != actions.data() + actions.size(); ++action)
        if (!perform_action(*action, plan.parent))
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
