// SPDX-License-Identifier: MIT
//
// What libc offers everywhere.
#include "above_stdio.hpp"
#include "actions.hpp"
#include "backend.hpp"
#include "diagnose.hpp"
#include "request_errors.hpp"

#include <algorithm>

#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

sigset_t to_sigset(SignalSet signals) {
    sigset_t set;
    sigemptyset(&set);
    for (int signal = 1; signal <= 64; ++signal)
        if (signals.contains(signal))
            sigaddset(&set, signal);
    return set;
}

/// The request in the terms of posix_spawn(3), which sets attributes first.
class Request {
public:
    explicit Request(const Launch& launch) : launch_(launch), actions_(launch) {
        posix_spawn_file_actions_init(&file_actions_);
        posix_spawnattr_init(&attributes_);
    }

    Request(const Request&) = delete;

    ~Request() {
        posix_spawnattr_destroy(&attributes_);
        posix_spawn_file_actions_destroy(&file_actions_);
    }

    Result<void> build() {
        if (auto built = actions_.build(without_descriptors); !built)
            return built;
        if (auto translated = translate(actions_.before_fds(), 0); !translated)
            return translated;
        auto added = launch_.command().inherits_fds() ? add_moves(launch_.fds().moves())
                                                      : add_moves_and_close_rest();
        if (!added)
            return added;
        if (auto closed = add_closes(); !closed)
            return closed;
        auto after = translate(actions_.after_fds(), actions_.before_fds().size());
        posix_spawnattr_setflags(&attributes_, flags_);
        return after;
    }

    const posix_spawn_file_actions_t* file_actions() const { return &file_actions_; }

    const posix_spawnattr_t* attributes() const { return &attributes_; }

private:
    static constexpr bool without_descriptors = false;

    Result<void> translate(std::span<const spawn_template_action> actions, std::size_t first) {
        for (std::size_t i = 0; i < actions.size(); ++i)
            if (int error = translate(actions[i]))
                return std::unexpected(actions_.error(error, first + i));
        return {};
    }

    /// Returns an errno.
    int translate(const spawn_template_action& action) {
        switch (action.type) {
        case SPAWN_TEMPLATE_FCHDIR:
            return posix_spawn_file_actions_addfchdir_np(&file_actions_, action.fd);
        case SPAWN_TEMPLATE_SETSID:
            flags_ |= POSIX_SPAWN_SETSID;
            return 0;
        case SPAWN_TEMPLATE_SETPGID:
            flags_ |= POSIX_SPAWN_SETPGROUP;
            return posix_spawnattr_setpgroup(&attributes_, static_cast<pid_t>(action.arg));
        case SPAWN_TEMPLATE_SETCTTY:
            return add_controlling_terminal(action.fd);
        case SPAWN_TEMPLATE_TCSETPGRP:
            return posix_spawn_file_actions_addtcsetpgrp_np(&file_actions_, action.fd);
        case SPAWN_TEMPLATE_SETSCHED:
            return set_scheduler(*launch_.command().attributes().scheduler);
        case SPAWN_TEMPLATE_RESETIDS:
            flags_ |= POSIX_SPAWN_RESETIDS;
            return 0;
        case SPAWN_TEMPLATE_SIGDEFAULT:
            flags_ |= POSIX_SPAWN_SETSIGDEF;
            return set_signals(posix_spawnattr_setsigdefault,
                               launch_.command().attributes().signal_defaults);
        case SPAWN_TEMPLATE_SIGMASK:
            flags_ |= POSIX_SPAWN_SETSIGMASK;
            return set_signals(posix_spawnattr_setsigmask,
                               *launch_.command().attributes().signal_mask);
        default:
            return ENOTSUP;
        }
    }

    /// A session without a terminal gets the first one that its leader opens, unless it is that of
    /// another session.
    int add_controlling_terminal(int fd) {
        // It keeps a number free: the child opens the terminal there.
        Fd place(fcntl(fd, F_DUPFD_CLOEXEC, first_after_stdio));
        if (!place)
            return errno;
        // By way of the caller, which waits.
        std::string path = "/proc/" + std::to_string(gettid()) + "/fd/" + std::to_string(fd);
        int number = place.get();
        held_.push_back(std::move(place));
        if (int error =
                posix_spawn_file_actions_addopen(&file_actions_, number, path.c_str(), O_RDWR, 0))
            return error;
        // Fails if the session did not get it; else the group is the foreground one already.
        if (int error = posix_spawn_file_actions_addtcsetpgrp_np(&file_actions_, number))
            return error;
        return posix_spawn_file_actions_addclose(&file_actions_, number);
    }

    int set_scheduler(const Scheduler& scheduler) {
        flags_ |= POSIX_SPAWN_SETSCHEDULER;
        sched_param parameters{.sched_priority = scheduler.priority};
        if (int error = posix_spawnattr_setschedpolicy(&attributes_, scheduler.policy))
            return error;
        return posix_spawnattr_setschedparam(&attributes_, &parameters);
    }

    int set_signals(int (*set)(posix_spawnattr_t*, const sigset_t*), SignalSet signals) {
        sigset_t signal_set = to_sigset(signals);
        return set(&attributes_, &signal_set);
    }

    Error move_error(int error, int index) const {
        return index < 0 ? attribute_error(launch_.command(), error, Step::open_terminal)
                         : redirect_error(launch_.command(), error, index);
    }

    /// Whether the child has @p fd, unless it is told to close it.
    bool passes_on(int fd) const {
        return launch_.command().inherits_fds() && fcntl(fd, F_GETFD) == 0;
    }

    Result<void> add_dup2(int source, int target, int index) {
        if (int error = posix_spawn_file_actions_adddup2(&file_actions_, source, target))
            return std::unexpected(move_error(error, index));
        return {};
    }

    Result<void> add_moves(std::vector<FdMove> moves) {
        if (auto ordered = order_moves(launch_.command(), moves, held_); !ordered)
            return ordered;
        for (const FdMove& move : moves)
            if (auto added = add_dup2(move.source, move.target, move.index); !added)
                return added;
        return {};
    }

    /// Only a tail of the descriptors can be closed at once. So those to keep are gathered right
    /// above standard error, all above them are closed, and they move on to where they belong:
    /// the cost depends on how many they are, neither on their numbers nor on the caller's table.
    Result<void> add_moves_and_close_rest() {
        std::vector<FdMove> moves = launch_.fds().moves();
        std::ranges::sort(moves, {}, &FdMove::target);
        auto high = std::ranges::lower_bound(moves, first_after_stdio, {}, &FdMove::target);
        const std::vector<FdMove> kept(high, moves.end());

        int end = first_after_stdio;
        for (auto move = high; move != moves.end(); ++move)
            move->target = end++;
        if (auto added = add_moves(std::move(moves)); !added)
            return added;
        if (int error = posix_spawn_file_actions_addclosefrom_np(&file_actions_, end))
            return std::unexpected(launch_.request_error(error));

        // From the last: where it goes, none is left that has yet to move.
        for (auto move = kept.rbegin(); move != kept.rend(); ++move)
            if (--end != move->target)
                if (auto added = add_dup2(end, move->target, move->index); !added)
                    return added;
        for (int fd = first_after_stdio; fd < first_after_stdio + std::ssize(kept); ++fd)
            if (!std::ranges::binary_search(kept, fd, {}, &FdMove::target))
                if (int error = posix_spawn_file_actions_addclose(&file_actions_, fd))
                    return std::unexpected(launch_.request_error(error));
        return {};
    }

    Result<void> add_closes() {
        for (const FdClose& close : launch_.fds().closes()) {
            int error = posix_spawn_file_actions_addclose(&file_actions_, close.target);
            // libc refuses numbers beyond RLIMIT_NOFILE, where the caller may still have some open.
            if (error && (error != EBADF || passes_on(close.target)))
                return std::unexpected(redirect_error(launch_.command(), error, close.index));
        }
        return {};
    }

    const Launch& launch_;
    ActionList actions_;
    posix_spawn_file_actions_t file_actions_;
    posix_spawnattr_t attributes_;
    short flags_ = 0;
    std::vector<Fd> held_;
};

bool is_valid(const Scheduler& scheduler) {
    return scheduler.priority >= sched_get_priority_min(scheduler.policy) &&
           scheduler.priority <= sched_get_priority_max(scheduler.policy) &&
           sched_get_priority_min(scheduler.policy) >= 0;
}

/// The attribute that a start can have failed by, as far as can be told.
std::optional<Step> failed_attribute(int error, const Command& command) {
    const Attributes& attributes = command.attributes();
    auto group = attributes.process_group;
    if (attributes.scheduler && error == EINVAL && !is_valid(*attributes.scheduler))
        return Step::set_scheduler;
    if (group && (error == EPERM || error == EINVAL) &&
        (attributes.new_session || attributes.pseudo_terminal || *group < 0 ||
         (*group > 0 && kill(-*group, 0) != 0)))
        return Step::join_process_group;
    if (attributes.scheduler && error == EPERM)
        return Step::set_scheduler;
    if ((attributes.controlling_terminal || attributes.pseudo_terminal) &&
        (error == ENOTTY || error == EIO || error == ENXIO || error == EPERM))
        return Step::take_terminal;
    if (attributes.foreground_of && (error == ENOTTY || error == EPERM || error == EINVAL))
        return Step::enter_foreground;
    if (group && (error == EPERM || error == EACCES))
        return Step::join_process_group;
    return std::nullopt;
}

Error start_error(int error, const Launch& launch) {
    auto attribute = failed_attribute(error, launch.command());
    if (!attribute)
        return infer_error(error, launch);
    Error result = attribute_error(launch.command(), error, *attribute);
    result.inferred = true;
    return result;
}

Fd open_pidfd(pid_t pid) {
    return above_stdio(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

/// Whether the process has not been waited for, by whatever means.
bool is_child(const Fd& pidfd) {
    siginfo_t info;
    return waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG | WNOWAIT) ==
               0 ||
           errno != ECHILD;
}

class PosixSpawnStarter : public Starter {
public:
    explicit PosixSpawnStarter(const Program& program) : program_(program) {}

    Result<Started> start(const Launch& launch) const override {
        Request request(launch);
        if (auto built = request.build(); !built)
            return std::unexpected(std::move(built.error()));

        // A start that fails must not have run the program: this shows that there can be a pidfd,
        // and keeps a place for it.
        Fd reserve = open_pidfd(getpid());
        if (!reserve)
            return std::unexpected(launch.program_error(errno, Step::clone));

        pid_t pid;
        int error = posix_spawn(&pid, program_.exec_path().c_str(), request.file_actions(),
                                request.attributes(), launch.argv(), launch.envp());
        if (error)
            return std::unexpected(start_error(error, launch));
        return adopt(pid, std::move(reserve), launch);
    }

private:
    /// Only this program can reap the child, so its pid is still its own, unless SIGCHLD is ignored
    /// and the child is gone.
    static Result<Started> adopt(pid_t pid, Fd reserve, const Launch& launch) {
        Fd pidfd = open_pidfd(pid);
        if (!pidfd && (errno == EMFILE || errno == ENFILE)) {
            reserve.reset();
            pidfd = open_pidfd(pid);
        }
        if (pidfd)
            return Started{pid, is_child(pidfd) ? std::move(pidfd) : Fd()};

        int error = errno;
        // EINVAL: the process is gone, but its number is still that of a group or a session.
        if (error == ESRCH || error == EINVAL)
            return Started{pid, Fd()};
        kill(pid, SIGKILL);
        while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
        }
        return std::unexpected(launch.program_error(error, Step::clone));
    }

    const Program& program_;
};

class PosixSpawnBackend : public Backend {
public:
    std::string_view name() const override { return "posix_spawn"; }

    std::string_view description() const override { return "posix_spawn(3) of the C library"; }

    FeatureSet features() const override {
        return {Feature::inherit_fds,
                Feature::directory,
                Feature::signal_mask,
                Feature::signal_defaults,
                Feature::new_session,
                Feature::process_group,
                Feature::controlling_terminal,
                Feature::foreground,
                Feature::reset_ids,
                Feature::scheduler,
                Feature::many_redirections};
    }

    std::string probe() const override {
        if (open_pidfd(getpid()) || errno == EMFILE || errno == ENFILE)
            return {};
        return unavailable("pidfd_open", errno);
    }

    Result<std::unique_ptr<Starter>> prepare(const Program& program) const override {
        return std::make_unique<PosixSpawnStarter>(program);
    }
};

}  // namespace

const Backend& posix_spawn_backend() {
    static const PosixSpawnBackend backend;
    return backend;
}

}  // namespace spawntpl::detail
