// SPDX-License-Identifier: MIT
#include "kernel_start.hpp"

#include "above_stdio.hpp"
#include "diagnose.hpp"
#include "kernel_calls.hpp"

#include <cerrno>

namespace spawntpl::detail {

namespace {

std::uint64_t spawn_flags(const Command& command) {
    std::uint64_t flags = 0;
    if (command.inherits_fds())
        flags |= SPAWN_TEMPLATE_INHERIT_FDS;
    if (command.attributes().cgroup)
        flags |= SPAWN_TEMPLATE_CGROUP;
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

}  // namespace

std::string why_no_templates(std::uint64_t flags) {
    // A request that must fail, in the way that only this system call does: another one may have
    // the number.
    spawn_template_create_args args{};
    args.flags = flags;
    args.path = address("/");
    Fd fd(spawn_template_create(args));
    int error = errno;
    return fd || error != EACCES ? unavailable("spawn_template_create", fd ? 0 : error)
                                 : std::string();
}

Result<Started> start_from(const Fd& fd, const Launch& launch, const ActionList& actions,
                           std::uint32_t* how) {
    std::uint64_t flags = spawn_flags(launch.command());
    // How a child was started is known only when its program runs.
    if (launch.command().attributes().return_early && !how)
        flags |= SPAWN_TEMPLATE_NOWAIT;
    if (launch.program().only_warm && how)
        flags |= SPAWN_TEMPLATE_ONLY_WARM;
    int pidfd = -1;
    spawn_template_spawn_args args{
        .flags = flags,
        .pidfd = address(&pidfd),
        .argv = address(launch.argv()),
        .envp = launch.has_prepared_env() && !how ? 0 : address(launch.envp()),
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
    if (how)
        *how = args.start;
    if (pid < 0) {
        Error error = start_error(errno, args, actions, launch);
        add_details(error, launch);
        return std::unexpected(std::move(error));
    }
    return Started{pid, above_stdio(pidfd)};
}

bool is_stale(const Result<Started>& started) {
    // For a script this shows only when its interpreter is about to open it.
    return !started && started.error().code.value() == ESTALE &&
           (started.error().step == Step::open_program || started.error().step == Step::execute);
}

}  // namespace spawntpl::detail
