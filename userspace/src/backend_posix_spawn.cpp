// SPDX-License-Identifier: MIT
//
// What libc offers everywhere.
#include "backend.hpp"
#include "diagnose.hpp"

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

class FileActions {
public:
    explicit FileActions(const Launch& launch) : launch_(launch) {
        posix_spawn_file_actions_init(&actions_);
    }

    FileActions(const FileActions&) = delete;

    ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }

    Result<void> build() {
        // First, while the directory's descriptor is still what it is in the caller.
        if (launch_.directory() >= 0)
            if (int error = posix_spawn_file_actions_addfchdir_np(&actions_, launch_.directory()))
                return std::unexpected(launch_.directory_error(error));
        auto added = launch_.command().inherits_fds() ? add_moves(launch_.moves())
                                                      : add_moves_and_close_rest();
        return added ? add_closes() : added;
    }

    const posix_spawn_file_actions_t* get() const { return &actions_; }

private:
    /// Whether the child has @p fd, unless it is told to close it.
    bool passes_on(int fd) const {
        return launch_.command().inherits_fds() && fcntl(fd, F_GETFD) == 0;
    }

    Result<void> add_dup2(int source, int target, int index) {
        if (int error = posix_spawn_file_actions_adddup2(&actions_, source, target))
            return std::unexpected(launch_.redirect_error(error, index));
        return {};
    }

    Result<void> add_moves(std::vector<FdMove> moves) {
        if (auto ordered = order_moves(launch_, moves, held_); !ordered)
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
        std::vector<FdMove> moves = launch_.moves();
        std::ranges::sort(moves, {}, &FdMove::target);
        auto high = std::ranges::lower_bound(moves, first_after_stdio, {}, &FdMove::target);
        const std::vector<FdMove> kept(high, moves.end());

        int end = first_after_stdio;
        for (auto move = high; move != moves.end(); ++move)
            move->target = end++;
        if (auto added = add_moves(std::move(moves)); !added)
            return added;
        if (int error = posix_spawn_file_actions_addclosefrom_np(&actions_, end))
            return std::unexpected(launch_.request_error(error));

        // From the last: where it goes, none is left that has yet to move.
        for (auto move = kept.rbegin(); move != kept.rend(); ++move)
            if (--end != move->target)
                if (auto added = add_dup2(end, move->target, move->index); !added)
                    return added;
        for (int fd = first_after_stdio; fd < first_after_stdio + std::ssize(kept); ++fd)
            if (!std::ranges::binary_search(kept, fd, {}, &FdMove::target))
                if (int error = posix_spawn_file_actions_addclose(&actions_, fd))
                    return std::unexpected(launch_.request_error(error));
        return {};
    }

    Result<void> add_closes() {
        for (const FdClose& close : launch_.closes()) {
            int error = posix_spawn_file_actions_addclose(&actions_, close.target);
            // libc refuses numbers beyond RLIMIT_NOFILE, where the caller may still have some open.
            if (error && (error != EBADF || passes_on(close.target)))
                return std::unexpected(launch_.redirect_error(error, close.index));
        }
        return {};
    }

    const Launch& launch_;
    posix_spawn_file_actions_t actions_;
    std::vector<UniqueFd> held_;
};

class Attributes {
public:
    explicit Attributes(const Command& command) {
        posix_spawnattr_init(&attributes_);
        short flags = 0;
        if (command.signal_mask()) {
            sigset_t mask = to_sigset(*command.signal_mask());
            posix_spawnattr_setsigmask(&attributes_, &mask);
            flags |= POSIX_SPAWN_SETSIGMASK;
        }
        if (command.signal_defaults() != SignalSet()) {
            sigset_t defaults = to_sigset(command.signal_defaults());
            posix_spawnattr_setsigdefault(&attributes_, &defaults);
            flags |= POSIX_SPAWN_SETSIGDEF;
        }
        posix_spawnattr_setflags(&attributes_, flags);
    }

    Attributes(const Attributes&) = delete;

    ~Attributes() { posix_spawnattr_destroy(&attributes_); }

    const posix_spawnattr_t* get() const { return &attributes_; }

private:
    posix_spawnattr_t attributes_;
};

UniqueFd open_pidfd(pid_t pid) {
    return above_stdio(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

/// Whether the process has not been waited for, by whatever means.
bool is_child(const UniqueFd& pidfd) {
    siginfo_t info;
    return waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

class PosixSpawnStarter : public Starter {
public:
    explicit PosixSpawnStarter(const Program& program) : program_(program) {}

    Result<Started> start(const Launch& launch) const override {
        FileActions actions(launch);
        if (auto built = actions.build(); !built)
            return std::unexpected(std::move(built.error()));

        // A start that fails must not have run the program: this shows that there can be a pidfd,
        // and keeps a place for it.
        UniqueFd reserve = open_pidfd(getpid());
        if (!reserve)
            return std::unexpected(launch.program_error(errno, Step::clone));

        Attributes attributes(launch.command());
        pid_t pid;
        int error = posix_spawn(&pid, program_.exec_path().c_str(), actions.get(), attributes.get(),
                                launch.argv(), launch.envp());
        if (error)
            return std::unexpected(infer_error(error, launch));
        return adopt(pid, std::move(reserve), launch);
    }

private:
    /// Only this program can reap the child, so its pid is still its own, unless SIGCHLD is ignored
    /// and the child is gone.
    static Result<Started> adopt(pid_t pid, UniqueFd reserve, const Launch& launch) {
        UniqueFd pidfd = open_pidfd(pid);
        if (!pidfd && (errno == EMFILE || errno == ENFILE)) {
            reserve.reset();
            pidfd = open_pidfd(pid);
        }
        if (pidfd)
            return Started{pid, is_child(pidfd) ? std::move(pidfd) : UniqueFd()};

        int error = errno;
        // EINVAL: the process is gone, but its number is still that of a group or a session.
        if (error == ESRCH || error == EINVAL)
            return Started{pid, UniqueFd()};
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

    std::string probe() const override { return {}; }

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
