// SPDX-License-Identifier: MIT
#include "raw_template.hpp"

#include "baselines.hpp"
#include "kernel_calls.hpp"

#include <spawntpl/fd.hpp>
#include <spawntpl/spawntpl.hpp>

#include <cerrno>
#include <system_error>

namespace spawntpl::bench {

namespace {

using detail::address;

PreparedRunner prepare(const Invocation& invocation, std::uint64_t flags) {
    // Whether the numbers are those of the calls that are meant is the library's to know.
    if (auto program = Template::open(invocation.path, {.backend = "kernel"}); !program)
        return std::unexpected(std::move(program.error()));
    spawn_template_create_args args{};
    args.path = address(invocation.path.c_str());
    auto fd = std::make_shared<const Fd>(detail::spawn_template_create(args));
    if (!*fd)
        return std::unexpected(Error{.code = {errno, std::generic_category()},
                                     .step = Step::resolve_program,
                                     .path = invocation.path});
    return baseline_runner(invocation, [fd, flags](const ExecArguments& arguments) {
        spawn_template_spawn_args spawn{};
        spawn.flags = flags;
        spawn.argv = address(arguments.argv);
        spawn.envp = address(arguments.envp);
        return BaselineChild{.pid = detail::spawn_template_spawn(fd->get(), spawn)};
    });
}

}  // namespace

PreparedRunner prepare_raw_template(const Invocation& invocation) {
    return prepare(invocation, 0);
}

PreparedRunner prepare_raw_template_nowait(const Invocation& invocation) {
    return prepare(invocation, SPAWN_TEMPLATE_NOWAIT);
}

}  // namespace spawntpl::bench
