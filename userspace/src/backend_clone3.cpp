// SPDX-License-Identifier: MIT
//
// A child of our own making, for kernels without spawn templates: it borrows the caller's memory,
// as a vfork child does, and the caller's descriptor table, of which it then takes what it needs.
#include "backend.hpp"
#include "diagnose.hpp"

#include <algorithm>
#include <climits>

#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

/// The kernel's view of a signal set and of an action.
using SignalBits = std::uint64_t;
struct KernelSigaction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    SignalBits mask;
};

/// What the child does with descriptors, in this order.
struct FdRange {
    unsigned first;
    unsigned last;
};

/// Where a child failed.
enum class ChildStep { none, take_descriptors, enter_directory, move, execute };

/// Everything that the child needs, made before there is one: it may neither allocate nor lock.
struct ChildPlan {
    const Launch* launch;
    int program;               ///< descriptor, or -1: the Program has a path
    int keep_below = INT_MAX;  ///< descriptors from here on are none of the child's
    std::vector<FdMove> moves{};
    std::vector<FdRange> closes{};
    SignalBits mask = 0;
    SignalBits defaults = 0;

    // Written by the child.
    volatile int error = 0;
    volatile ChildStep step = ChildStep::none;
    volatile int index = -1;
};

// A sanitizer would take note of functions that are entered and, for the caller, never left.
#define SPAWNTPL_IN_CHILD [[gnu::no_sanitize_address, gnu::no_sanitize_thread]]

SPAWNTPL_IN_CHILD [[noreturn]] void fail(ChildPlan& plan, ChildStep step, int index = -1) {
    plan.error = errno;
    plan.step = step;
    plan.index = index;
    for (;;)
        syscall(SYS_exit_group, 127);
}

SPAWNTPL_IN_CHILD bool move_descriptor(const FdMove& move) {
    if (move.source == move.target)
        return syscall(SYS_fcntl, move.target, F_SETFD, 0) == 0;
    return syscall(SYS_dup3, move.source, move.target, 0) >= 0;
}

SPAWNTPL_IN_CHILD void reset_signals(SignalBits signals) {
    KernelSigaction action{.handler = SIG_DFL, .flags = 0, .restorer = nullptr, .mask = 0};
    for (int signal = 1; signals != 0; ++signal, signals >>= 1)
        if (signals & 1)
            syscall(SYS_rt_sigaction, signal, &action, nullptr, sizeof(action.mask));
}

SPAWNTPL_IN_CHILD void execute(const ChildPlan& plan) {
    const Launch& launch = *plan.launch;
    if (plan.program < 0)
        syscall(SYS_execve, launch.program().path.c_str(), launch.argv(), launch.envp());
    else
        syscall(SYS_execveat, plan.program, "", launch.argv(), launch.envp(), AT_EMPTY_PATH);
}

/// The child, from its first to its last instruction outside of its program. Only system calls
/// that are no cancellation points, on the caller's stack, below what the caller uses.
SPAWNTPL_IN_CHILD [[noreturn, gnu::noinline]] void run_child(ChildPlan* plan_pointer) {
    ChildPlan& plan = *plan_pointer;
    const Launch& launch = *plan.launch;

    // First, while the directory's descriptor is still what it is in the caller.
    if (launch.directory() >= 0 && syscall(SYS_fchdir, launch.directory()) != 0)
        fail(plan, ChildStep::enter_directory);
    if (plan.keep_below != INT_MAX &&
        syscall(SYS_close_range, plan.keep_below, ~0U, CLOSE_RANGE_UNSHARE) != 0)
        fail(plan, ChildStep::take_descriptors);
    for (const FdMove& move : plan.moves)
        if (!move_descriptor(move))
            fail(plan, ChildStep::move, move.index);
    for (const FdRange& range : plan.closes)
        if (syscall(SYS_close_range, range.first, range.last, 0) != 0)
            fail(plan, ChildStep::take_descriptors);

    reset_signals(plan.defaults);
    // From here on a signal can end or stop the child, as it could the program. The caller waits
    // for a child that is stopped, as that of any vfork does.
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &plan.mask, nullptr, sizeof(plan.mask));
    execute(plan);
    fail(plan, ChildStep::execute);
}

/// clone3(), whose child goes on with run_child(); the pid, or a negative errno.
long clone_child(clone_args& args, [[maybe_unused]] ChildPlan& plan) {
#ifdef __x86_64__
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

/// Nothing may interrupt the caller while the child uses its memory, and nothing may stop the child
/// while the caller waits for it.
class BlockedSignals {
public:
    BlockedSignals() {
        SignalBits all = ~SignalBits{0};
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &saved_, sizeof(saved_));
    }

    BlockedSignals(const BlockedSignals&) = delete;

    ~BlockedSignals() {
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, &saved_, nullptr, sizeof(saved_));
    }

    SignalBits saved() const { return saved_; }

private:
    SignalBits saved_ = 0;
};

/// Waits for the end of a child that has not executed a program, if it is one; returns the signal
/// that ended it, or 0. Nobody else can hear of it: it sends no signal, and as its exit signal is
/// not SIGCHLD before its exec makes it so, no wait() for ordinary children finds it.
int reap_without_program(const UniqueFd& pidfd) {
    siginfo_t info{};
    // Unlike libc's waitid() no cancellation point.
    while (syscall(SYS_waitid, P_PIDFD, pidfd.get(), &info, WEXITED | __WCLONE, nullptr) < 0)
        if (errno != EINTR)
            return 0;
    return info.si_code == CLD_EXITED ? 0 : info.si_status;
}

struct StartedOrKilled {
    Started started;
    int signal;  ///< that ended the child before it had a program, or 0
};

/// Starts the child and waits until it has executed its program or failed.
std::expected<StartedOrKilled, int> start_child(ChildPlan& plan) {
    BlockedSignals blocked;
    if (!plan.launch->command().signal_mask())
        plan.mask = blocked.saved();

    int pidfd_number = -1;
    clone_args args{};
    args.flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND | CLONE_PIDFD;
    if (plan.keep_below != INT_MAX)
        args.flags |= CLONE_FILES;
    args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd_number);

    long pid = clone_child(args, plan);
    if (pid < 0)
        return std::unexpected(static_cast<int>(-pid));
    UniqueFd pidfd = above_stdio(pidfd_number);
    int signal = reap_without_program(pidfd);
    return StartedOrKilled{{static_cast<pid_t>(pid), std::move(pidfd)}, signal};
}

/// Makes the plan of a child, and keeps open what it needs.
class Planner {
public:
    explicit Planner(const Launch& launch) : launch_(launch) {
        plan_.launch = &launch;
        plan_.program = launch.program().path.empty() ? launch.program().fd.get() : -1;
    }

    Result<void> make() {
        plan_.moves = launch_.moves();
        if (auto ordered = order_moves(launch_, plan_.moves, held_); !ordered)
            return ordered;
        if (auto kept = keep_program(); !kept)
            return kept;
        if (!launch_.command().inherits_fds())
            close_all_but_targets();
        for (const FdClose& closed : launch_.closes())
            close(closed.target, closed.target);
        if (launch_.command().signal_mask())
            plan_.mask = launch_.command().signal_mask()->bits();
        plan_.defaults = launch_.command().signal_defaults().bits();
        return {};
    }

    ChildPlan& plan() { return plan_; }

private:
    // Up to here a table has room for all at once; beyond, kernels before 5.18 want multiples of
    // it from close_range(), or they mistake what is open.
    static constexpr int table_unit = 64;

    void close(int first, int last) {
        plan_.closes.push_back({static_cast<unsigned>(first), static_cast<unsigned>(last)});
    }

    /// The program's descriptor must not be one that the child writes or closes before the exec.
    Result<void> keep_program() {
        if (plan_.program < 0)
            return {};
        std::vector<int> changed;
        for (const FdClose& closed : launch_.closes())
            changed.push_back(closed.target);
        for (const FdMove& move : plan_.moves)
            changed.push_back(move.target);
        UniqueFd copy;
        while (std::ranges::count(changed, plan_.program)) {
            copy = UniqueFd(fcntl(launch_.program().fd.get(), F_DUPFD_CLOEXEC,
                                  std::max(first_after_stdio, plan_.program + 1)));
            if (!copy)
                return std::unexpected(launch_.program_error(errno, Step::open_program));
            plan_.program = copy.get();
        }
        held_.push_back(std::move(copy));
        return {};
    }

    /// The child takes the descriptors up to the last that it reads, moves them, and closes what
    /// lies between those that it is to keep.
    void close_all_but_targets() {
        int end = std::max(first_after_stdio, plan_.program + 1);
        std::vector<int> kept;
        if (plan_.program >= first_after_stdio)
            kept.push_back(plan_.program);
        for (const FdMove& move : plan_.moves) {
            end = std::max(end, move.source + 1);
            if (move.target >= first_after_stdio)
                kept.push_back(move.target);
        }
        if (end > table_unit)
            end = (end + table_unit - 1) / table_unit * table_unit;
        plan_.keep_below = end;

        std::ranges::sort(kept);
        int from = first_after_stdio;
        for (int fd : kept) {
            if (from < std::min(fd, end))
                close(from, std::min(fd, end) - 1);
            from = fd + 1;
        }
        if (from < end)
            close(from, end - 1);
    }

    const Launch& launch_;
    ChildPlan plan_{};
    std::vector<UniqueFd> held_;
};

Error start_error(const ChildPlan& plan) {
    const Launch& launch = *plan.launch;
    switch (plan.step) {
    case ChildStep::enter_directory:
        return launch.directory_error(plan.error);
    case ChildStep::move:
        return launch.redirect_error(plan.error, plan.index);
    case ChildStep::execute:
        // Not the clone, which has succeeded.
        if (plan.error == EAGAIN || plan.error == ENOMEM)
            return launch.program_error(plan.error, Step::execute);
        return infer_error(plan.error, launch);
    default:
        return launch.program_error(plan.error, Step::clone);
    }
}

Error killed_error(const Launch& launch, int signal) {
    Error error = launch.program_error(EINTR, Step::execute);
    error.detail = "signal " + std::to_string(signal) + " ended the child before it had a program";
    return error;
}

class Clone3Starter : public Starter {
public:
    Result<Started> start(const Launch& launch) const override {
        Planner planner(launch);
        if (auto made = planner.make(); !made)
            return std::unexpected(std::move(made.error()));

        ChildPlan& plan = planner.plan();
        auto child = start_child(plan);
        if (!child)
            return std::unexpected(launch.program_error(child.error(), Step::clone));
        if (plan.error != 0)
            return std::unexpected(start_error(plan));
        if (child->signal != 0)
            return std::unexpected(killed_error(launch, child->signal));
        return std::move(child->started);
    }
};

class Clone3Backend : public Backend {
public:
    std::string_view name() const override { return "clone3"; }

    std::string_view description() const override {
        return "a vfork-like child that copies no descriptor table (Linux 5.9)";
    }

    std::string probe() const override {
#ifndef __x86_64__
        return "not implemented for this processor";
#endif
        // A request that must fail, in the way that only this system call does.
        if (syscall(SYS_clone3, nullptr, 0) != -1 || errno != EINVAL)
            return unavailable("clone3", errno);
        // An empty range: nothing is closed.
        if (syscall(SYS_close_range, 1, 0, 0) != -1 || errno != EINVAL)
            return unavailable("close_range", errno);
        return {};
    }

    Result<std::unique_ptr<Starter>> prepare(const Program&) const override {
        return std::make_unique<Clone3Starter>();
    }
};

}  // namespace

const Backend& clone3_backend() {
    static const Clone3Backend backend;
    return backend;
}

}  // namespace spawntpl::detail
