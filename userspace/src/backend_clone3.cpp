// SPDX-License-Identifier: MIT
//
// A child of our own making, for kernels without spawn templates: it borrows the caller's memory,
// as a vfork child does, and the caller's descriptor table, of which it then takes what it needs.
#include "above_stdio.hpp"
#include "actions.hpp"
#include "backend.hpp"
#include "clone3_child.hpp"
#include "diagnose.hpp"

#include <algorithm>
#include <optional>

#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

/// No handler runs while the child uses the caller's memory, in neither of them: the kernel does
/// not deliver signals to a caller that waits like this, and gives the child none of its handlers.
/// So a signal must be held back only where the child would end or stop by it but its program would
/// not. One that stops the child stops its caller, too, with or without this, as with any vfork.
bool must_block_signals(const Attributes& attributes) {
    return attributes.signal_mask || attributes.parent_death_signal || attributes.foreground_of;
}

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

    const SignalBits& saved() const { return saved_; }

private:
    SignalBits saved_ = 0;
};

/// Waits for the end of a child that has not executed a program, if it is one; returns the signal
/// that ended it, or 0. Nobody else can hear of it: it sends no signal, and as its exit signal is
/// not SIGCHLD before its exec makes it so, no wait() for ordinary children finds it.
int reap_without_program(const Fd& pidfd) {
    siginfo_t info{};
    // Unlike libc's waitid() no cancellation point.
    while (syscall(SYS_waitid, P_PIDFD, pidfd.get(), &info, WEXITED | __WCLONE, nullptr) < 0)
        if (errno != EINTR)
            return 0;
    return info.si_code == CLD_EXITED ? 0 : info.si_status;
}

Error killed_error(const Launch& launch, int signal) {
    Error error = launch.program_error(EINTR, Step::execute);
    error.detail = "signal " + std::to_string(signal) + " ended the child before it had a program";
    return error;
}

struct StartedOrKilled {
    Started started;
    int signal;  ///< that ended the child before it had a program, or 0
};

/// Starts the child and waits until it has executed its program or failed.
std::expected<StartedOrKilled, int> start_child(ChildPlan& plan, const Command& command) {
    const Attributes& attributes = command.attributes();
    std::optional<BlockedSignals> blocked;
    if (must_block_signals(attributes)) {
        blocked.emplace();
        plan.mask = &blocked->saved();
    }

    int pidfd_number = -1;
    clone_args args{};
    args.flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND | CLONE_PIDFD;
    args.flags |= static_cast<unsigned>(attributes.namespaces);
    if (plan.keep_below != INT_MAX)
        args.flags |= CLONE_FILES;
    if (attributes.cgroup) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = static_cast<unsigned>(*attributes.cgroup);
    }
    args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd_number);

    long pid = clone_child(args, plan);
    if (pid < 0)
        return std::unexpected(static_cast<int>(-pid));
    Fd pidfd = above_stdio(pidfd_number);
    int signal = reap_without_program(pidfd);
    return StartedOrKilled{{static_cast<pid_t>(pid), std::move(pidfd)}, signal};
}

/// Makes the plan of a child, and keeps open what it needs.
class Planner {
public:
    explicit Planner(const Launch& launch) : launch_(launch), actions_(launch) {
        const Program& program = launch.program();
        if (program.path.empty())
            plan_.program = program.fd.get();
        else
            plan_.path = program.path.c_str();
        plan_.argv = launch.argv();
        plan_.envp = launch.envp();
        const Attributes& attributes = launch.command().attributes();
        // Nobody outside can be seen from a new pid namespace.
        if (attributes.parent_death_signal)
            plan_.parent = getpid();
    }

    Result<void> make() {
        if (auto built = actions_.build(); !built)
            return built;
        plan_.before_fds = actions_.before_fds();
        plan_.fds = actions_.fds();
        plan_.after_fds = actions_.after_fds();
        if (auto kept = keep_program(); !kept)
            return kept;
        if (!launch_.command().inherits_fds())
            close_all_but_targets();
        return {};
    }

    ChildPlan& plan() { return plan_; }

    Error error() const {
        switch (plan_.step) {
        case ChildStep::action:
            return actions_.error(plan_.error, static_cast<std::size_t>(plan_.index));
        case ChildStep::execute:
            // Not the clone, which has succeeded.
            if (plan_.error == EAGAIN || plan_.error == ENOMEM)
                return launch_.program_error(plan_.error, Step::execute);
            return infer_error(plan_.error, launch_);
        default:
            return launch_.program_error(plan_.error, Step::clone);
        }
    }

private:
    // Up to here a table has room for all at once; beyond, kernels before 5.18 want multiples of
    // it from close_range(), or they mistake what is open.
    static constexpr int table_unit = 64;

    static bool moves(const spawn_template_action& action) {
        return action.type == SPAWN_TEMPLATE_DUP2;
    }

    void close(int first, int last) {
        plan_.closes.push_back({static_cast<unsigned>(first), static_cast<unsigned>(last)});
    }

    /// The program's descriptor must not be one that the child writes or closes before the exec.
    Result<void> keep_program() {
        if (plan_.program < 0)
            return {};
        auto changes_program = [&](const spawn_template_action& action) {
            return (moves(action) ? action.newfd : action.fd) == plan_.program;
        };
        while (std::ranges::any_of(plan_.fds, changes_program)) {
            program_copy_ = Fd(fcntl(launch_.program().fd.get(), F_DUPFD_CLOEXEC,
                                     std::max(first_after_stdio, plan_.program + 1)));
            if (!program_copy_)
                return std::unexpected(launch_.program_error(errno, Step::open_program));
            plan_.program = program_copy_.get();
        }
        return {};
    }

    /// The child takes the descriptors up to the last that it reads, moves them, and closes what
    /// lies between those that it is to keep.
    void close_all_but_targets() {
        int end = std::max(first_after_stdio, plan_.program + 1);
        std::vector<int> kept;
        if (plan_.program >= first_after_stdio)
            kept.push_back(plan_.program);
        for (const spawn_template_action& action : plan_.fds) {
            if (!moves(action))
                continue;
            end = std::max(end, action.fd + 1);
            if (action.newfd >= first_after_stdio)
                kept.push_back(action.newfd);
        }
        if (end > table_unit)
            end = (end + table_unit - 1) / table_unit * table_unit;
        plan_.keep_below = static_cast<unsigned>(end);

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
    ActionList actions_;
    ChildPlan plan_{};
    Fd program_copy_;
};

class Clone3Starter : public Starter {
public:
    Result<Started> start(const Launch& launch) const override {
        Planner planner(launch);
        if (auto made = planner.make(); !made)
            return std::unexpected(std::move(made.error()));

        auto child = start_child(planner.plan(), launch.command());
        if (!child)
            return std::unexpected(launch.clone_error(child.error()));
        if (planner.plan().error != 0)
            return std::unexpected(planner.error());
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

    FeatureSet features() const override { return FeatureSet::all_but({Feature::return_early}); }

    std::string probe() const override {
        if (std::string reason = why_no_clone_child(); !reason.empty())
            return reason;
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
