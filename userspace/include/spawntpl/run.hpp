// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/command.hpp>
#include <spawntpl/error.hpp>
#include <spawntpl/exit_status.hpp>
#include <spawntpl/export.hpp>
#include <spawntpl/resource_usage.hpp>
#include <spawntpl/stop_policy.hpp>
#include <spawntpl/template.hpp>

#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace spawntpl {

/// What run() collects, and when it has enough. A plain value.
struct RunOptions {
    /// How many bytes of each stream to keep. What follows is read and dropped, so that the child
    /// can go on.
    std::size_t limit = std::numeric_limits<std::size_t>::max();

    /// Ends the child, by `stop`, when it has written more than `limit` to a stream.
    bool stop_at_limit = false;

    /// How long the child may run before it is ended by `stop`.
    std::optional<std::chrono::milliseconds> timeout{};

    /// How to end the child. A policy that does not kill kills in the end.
    StopPolicy stop{.kill = std::chrono::milliseconds::max(), .tree = true};

    /// How long to wait, after the child has ended, for others that still have its streams open.
    std::chrono::milliseconds grace = std::chrono::seconds(1);
};

/// What a child wrote, and how it ended.
struct Output {
    ExitStatus status;  ///< how the child ended
    std::string out{};  ///< from descriptor 1, and from the pseudo-terminal if there is one
    std::string err{};  ///< from descriptor 2

    bool out_cut = false;  ///< there was more than the limit
    bool err_cut = false;  ///< as out_cut, of `err`

    bool timed_out = false;  ///< the child was ended because its time was over

    /// Others had a stream open when the grace period was over. What they write after it gets them
    /// SIGPIPE.
    bool left_open = false;

    ResourceUsage usage;         ///< see Child::usage()
    std::string_view backend{};  ///< see Child::backend()

    /// Whether the child exited with 0, whatever was cut.
    bool success() const { return status.success(); }
};

/// Starts a child, reads what it writes, and waits for it: in this thread, with no other.
///
/// Standard output and standard error go to Output unless @p command redirects them. What a child
/// writes to its pseudo-terminal goes to Output::out. Standard input is the caller's unless
/// @p command redirects it: see Command::input() and Command::null(). Other pipes, which nobody
/// would serve, are EINVAL.
///
/// That the child fails, or is ended by @p options, is no Error. With an Error all output is lost.
/// Either way the child has ended when this returns, unless even SIGKILL does not end it in the
/// time that RunOptions::stop gives, which is ETIMEDOUT; its descendants may go on.
///
/// Thread-safe. A signal to the caller does not end it, and it changes nothing about any.
SPAWNTPL_API Result<Output> run(const Template& program, Command command,
                                const RunOptions& options = {});

/// The same of a program that is started once: run({"git", "--version"}).
SPAWNTPL_API Result<Output> run(const std::vector<std::string>& program_and_args,
                                const RunOptions& options = {});

}  // namespace spawntpl
