// SPDX-License-Identifier: MIT
//
// The system calls of the patched kernel.
#include "above_stdio.hpp"
#include "actions.hpp"
#include "backend.hpp"
#include "diagnose.hpp"
#include "kernel_calls.hpp"

#include <mutex>

namespace spawntpl::detail {

namespace {

Fd create_template_at(int dirfd, const char* path, std::uint32_t at_flags,
                      char* const* envp = nullptr) {
    spawn_template_create_args args{};
    args.flags = dirfd == AT_FDCWD ? 0 : SPAWN_TEMPLATE_DIRFD;
    args.path = address(path);
    args.dirfd = dirfd;
    args.at_flags = at_flags;
    args.envp = address(envp);
    return above_stdio(spawn_template_create(args));
}

Fd create_template(const Program& program) {
    char* const* envp = program.env ? program.env->block.data() : nullptr;
    if (!program.path.empty())
        return create_template_at(AT_FDCWD, program.path.c_str(), 0, envp);
    return create_template_at(program.fd.get(), "", AT_EMPTY_PATH, envp);
}

std::uint64_t spawn_flags(const Command& command) {
    std::uint64_t flags = 0;
    if (command.inherits_fds())
        flags |= SPAWN_TEMPLATE_INHERIT_FDS;
    if (command.attributes().cgroup)
        flags |= SPAWN_TEMPLATE_CGROUP;
    if (command.attributes().return_early)
        flags |= SPAWN_TEMPLATE_NOWAIT;
    return flags;
}

Error start_error(int error, const spawn_template_spawn_args& args, const ActionList& actions,
                  const Launch& launch) {
    switch (args.error_step) {
    case SPAWN_TEMPLATE_STEP_ACTION:
        return actions.error(error, static_cast<std::size_t>(args.error_index));
    case SPAWN_TEMPLATE_STEP_CLONE:
        return launch.clone_error(error);
    case SPAWN_TEMPLATE_STEP_OPEN:
        // By a limit of the child's own.
        if (error == E2BIG)
            return launch.request_error(E2BIG);
        return launch.program_error(error, Step::open_program);
    case SPAWN_TEMPLATE_STEP_EXEC:
        return launch.program_error(error, Step::execute);
    default:
        return launch.request_error(error);
    }
}

class KernelStarter : public Starter {
public:
    KernelStarter(const Program& program, Fd fd)
        : program_(program), template_(std::make_shared<Fd>(std::move(fd))) {}

    Result<Started> start(const Launch& launch) const override {
        ActionList actions(launch);
        if (auto built = actions.build(); !built)
            return std::unexpected(std::move(built.error()));

        std::shared_ptr<const Fd> current = current_template();
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

    Result<Started> start(const Fd& fd, const Launch& launch, const ActionList& actions) const {
        int pidfd = -1;
        spawn_template_spawn_args args{
            .flags = spawn_flags(launch.command()),
            .pidfd = address(&pidfd),
            .argv = address(launch.argv()),
            .envp = launch.has_prepared_env() ? 0 : address(launch.envp()),
            .actions = address(actions.all().data()),
            .nr_actions = static_cast<std::uint32_t>(actions.all().size()),
            .action_size = sizeof(spawn_template_action),
            .cgroup = launch.command().attributes().cgroup.value_or(0),
            .reserved = 0,
            .error_step = SPAWN_TEMPLATE_STEP_NONE,
            .error_index = -1,
            .start = SPAWN_TEMPLATE_START_COLD,
            .reserved2 = 0,
        };
        pid_t pid = spawn_template_spawn(fd.get(), args);
        if (pid < 0) {
            Error error = start_error(errno, args, actions, launch);
            add_details(error, launch);
            return std::unexpected(std::move(error));
        }
        return Started{pid, above_stdio(pidfd)};
    }

    std::shared_ptr<const Fd> current_template() const {
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
    std::expected<std::shared_ptr<const Fd>, int> renew_template(
        const std::shared_ptr<const Fd>& stale) const {
        std::lock_guard lock(mutex_);
        if (template_ == stale) {
            Fd fd = create_template(program_);
            if (!fd)
                return std::unexpected(errno);
            template_ = std::make_shared<const Fd>(std::move(fd));
        }
        return template_;
    }

    const Program& program_;
    mutable std::mutex mutex_;
    mutable std::shared_ptr<const Fd> template_;
};

class KernelBackend : public Backend {
public:
    std::string_view name() const override { return "kernel"; }

    std::string_view description() const override {
        return "the spawn_template system calls of a patched kernel";
    }

    FeatureSet features() const override {
        return FeatureSet::all_but({Feature::many_redirections, Feature::namespaces});
    }

    std::string probe() const override {
        // Requests that must fail, each in the way that only these system calls do: another call
        // may have the number.
        Fd fd = create_template_at(AT_FDCWD, "/", 0);
        int error = errno;
        if (fd || error != EACCES)
            return unavailable("spawn_template_create", fd ? 0 : error);

        spawn_template_spawn_args args{};
        if (spawn_template_spawn(-1, args) != -1 || errno != EBADF)
            return unavailable("spawn_template_spawn", errno);
        return {};
    }

    Result<std::unique_ptr<Starter>> prepare(const Program& program) const override {
        Fd fd = create_template(program);
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
