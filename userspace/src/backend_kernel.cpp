// SPDX-License-Identifier: MIT
//
// The system calls of the patched kernel.
#include "backend.hpp"
#include "diagnose.hpp"
#include "kernel_calls.hpp"

#include <mutex>

namespace spawntpl::detail {

namespace {

UniqueFd create_template_at(int dirfd, const char* path, std::uint32_t at_flags) {
    spawn_template_create_args args{};
    args.flags = dirfd == AT_FDCWD ? 0 : SPAWN_TEMPLATE_DIRFD;
    args.path = address(path);
    args.dirfd = dirfd;
    args.at_flags = at_flags;
    return above_stdio(spawn_template_create(args));
}

UniqueFd create_template(const Program& program) {
    if (!program.path.empty())
        return create_template_at(AT_FDCWD, program.path.c_str(), 0);
    return create_template_at(program.fd.get(), "", AT_EMPTY_PATH);
}

/// The actions of one start, each with what it is for, to name it in an error.
class ActionList {
public:
    explicit ActionList(const Launch& launch) : launch_(launch) {}

    Result<void> build() {
        const Command& command = launch_.command();
        std::vector<FdMove> moves = launch_.moves();
        if (auto ordered = order_moves(launch_, moves, held_); !ordered)
            return ordered;

        // First, while the directory's descriptor is still what it is in the caller.
        if (launch_.directory() >= 0)
            add(SPAWN_TEMPLATE_FCHDIR, launch_.directory(), 0, directory_origin);
        for (const FdMove& move : moves)
            add(SPAWN_TEMPLATE_DUP2, move.source, move.target, move.index);
        for (const FdClose& close : launch_.closes())
            add(SPAWN_TEMPLATE_CLOSE, close.target, 0, close.index);
        if (command.signal_mask())
            add_signals(SPAWN_TEMPLATE_SIGMASK, mask_ = command.signal_mask()->bits());
        if (command.signal_defaults() != SignalSet())
            add_signals(SPAWN_TEMPLATE_SIGDEFAULT, defaults_ = command.signal_defaults().bits());

        if (actions_.size() > SPAWN_TEMPLATE_MAX_ACTIONS)
            return std::unexpected(launch_.request_error(
                E2BIG, std::to_string(actions_.size()) + " actions are needed, the kernel takes " +
                           std::to_string(SPAWN_TEMPLATE_MAX_ACTIONS)));
        return {};
    }

    const std::vector<spawn_template_action>& actions() const { return actions_; }

    Error error(int error, std::size_t index) const {
        int origin = index < origins_.size() ? origins_[index] : request_origin;
        if (origin >= 0)
            return launch_.redirect_error(error, origin);
        if (origin == directory_origin)
            return launch_.directory_error(error);
        return launch_.request_error(error);
    }

private:
    // What an action is for, unless it is the index of a redirection.
    static constexpr int directory_origin = -1;
    static constexpr int request_origin = -2;

    void add(std::uint32_t type, int fd, int newfd, int origin) {
        actions_.push_back(
            {.type = type, .flags = 0, .fd = fd, .newfd = newfd, .arg = 0, .size = 0});
        origins_.push_back(origin);
    }

    void add_signals(std::uint32_t type, const std::uint64_t& bits) {
        add(type, 0, 0, request_origin);
        actions_.back().arg = address(&bits);
        actions_.back().size = sizeof(bits);
    }

    const Launch& launch_;
    std::vector<UniqueFd> held_;
    std::vector<spawn_template_action> actions_;
    std::vector<int> origins_;
    std::uint64_t mask_ = 0;
    std::uint64_t defaults_ = 0;
};

Error start_error(int error, const spawn_template_spawn_args& args, const ActionList& actions,
                  const Launch& launch) {
    switch (args.error_step) {
    case SPAWN_TEMPLATE_STEP_ACTION:
        return actions.error(error, static_cast<std::size_t>(args.error_index));
    case SPAWN_TEMPLATE_STEP_CLONE:
        return launch.program_error(error, Step::clone);
    case SPAWN_TEMPLATE_STEP_OPEN:
        return launch.program_error(error, Step::open_program);
    case SPAWN_TEMPLATE_STEP_EXEC:
        return launch.program_error(error, Step::execute);
    default:
        return launch.request_error(error);
    }
}

class KernelStarter : public Starter {
public:
    KernelStarter(const Program& program, UniqueFd fd)
        : program_(program), template_(std::make_shared<UniqueFd>(std::move(fd))) {}

    Result<Started> start(const Launch& launch) const override {
        ActionList actions(launch);
        if (auto built = actions.build(); !built)
            return std::unexpected(std::move(built.error()));

        std::shared_ptr<const UniqueFd> current = current_template();
        auto started = start(*current, launch, actions);
        for (int tries = 0; is_stale(started) && tries < max_renewals; ++tries) {
            auto renewed = renew_template(current);
            if (!renewed)
                return std::unexpected(launch.program_error(renewed.error(), Step::open_program));
            current = std::move(*renewed);
            started = start(*current, launch, actions);
        }
        return started;
    }

private:
    // Enough even where the program is replaced without a pause. But a file system may have reasons
    // of its own for ESTALE, which do not go away.
    static constexpr int max_renewals = 1000;

    Result<Started> start(const UniqueFd& fd, const Launch& launch,
                          const ActionList& actions) const {
        int pidfd = -1;
        spawn_template_spawn_args args{
            .flags = launch.command().inherits_fds() ? SPAWN_TEMPLATE_INHERIT_FDS : 0,
            .pidfd = address(&pidfd),
            .argv = address(launch.argv()),
            .envp = address(launch.envp()),
            .actions = address(actions.actions().data()),
            .nr_actions = static_cast<std::uint32_t>(actions.actions().size()),
            .action_size = sizeof(spawn_template_action),
            .cgroup = 0,
            .reserved = 0,
            .error_step = SPAWN_TEMPLATE_STEP_NONE,
            .error_index = -1,
        };
        pid_t pid = spawn_template_spawn(fd.get(), args);
        if (pid < 0) {
            Error error = start_error(errno, args, actions, launch);
            add_details(error, launch);
            return std::unexpected(std::move(error));
        }
        return Started{pid, above_stdio(pidfd)};
    }

    std::shared_ptr<const UniqueFd> current_template() const {
        std::lock_guard lock(mutex_);
        return template_;
    }

    /// The path names another file than the template's, or none.
    static bool is_stale(const Result<Started>& started) {
        // For a script this shows only when its interpreter is about to open it.
        return !started && started.error().code.value() == ESTALE &&
               (started.error().step == Step::open_program ||
                started.error().step == Step::execute);
    }

    /// Replaces @p stale, unless another thread has done so; returns what to use now, or the errno.
    std::expected<std::shared_ptr<const UniqueFd>, int> renew_template(
        const std::shared_ptr<const UniqueFd>& stale) const {
        std::lock_guard lock(mutex_);
        if (template_ == stale) {
            UniqueFd fd = create_template(program_);
            if (!fd)
                return std::unexpected(errno);
            template_ = std::make_shared<const UniqueFd>(std::move(fd));
        }
        return template_;
    }

    const Program& program_;
    mutable std::mutex mutex_;
    mutable std::shared_ptr<const UniqueFd> template_;
};

class KernelBackend : public Backend {
public:
    std::string_view name() const override { return "kernel"; }

    std::string_view description() const override {
        return "the spawn_template system calls of a patched kernel";
    }

    std::string probe() const override {
        // Requests that must fail, each in the way that only these system calls do: another call
        // may have the number.
        UniqueFd fd = create_template_at(AT_FDCWD, "/", 0);
        int error = errno;
        if (fd || error != EACCES)
            return unavailable("spawn_template_create", fd ? 0 : error);

        spawn_template_spawn_args args{};
        if (spawn_template_spawn(-1, args) != -1 || errno != EBADF)
            return unavailable("spawn_template_spawn", errno);
        return {};
    }

    Result<std::unique_ptr<Starter>> prepare(const Program& program) const override {
        UniqueFd fd = create_template(program);
        if (!fd)
            return std::unexpected(Error{.code = {errno, std::generic_category()},
                                         .step = Step::resolve_program,
                                         .path = program.label()});
        return std::make_unique<KernelStarter>(program, std::move(fd));
    }
};

}  // namespace

const Backend& kernel_backend() {
    static const KernelBackend backend;
    return backend;
}

}  // namespace spawntpl::detail
