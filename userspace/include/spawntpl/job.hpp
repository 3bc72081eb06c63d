// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/child.hpp>
#include <spawntpl/command.hpp>
#include <spawntpl/error.hpp>
#include <spawntpl/exit_status.hpp>
#include <spawntpl/resource_usage.hpp>
#include <spawntpl/stop_policy.hpp>
#include <spawntpl/template.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace spawntpl {

/// Names a job of one Supervisor: 1 and upwards, in the order of submission, never reused.
using JobId = std::uint64_t;

/// Why a job is over.
enum class JobEnd {
    ended,        ///< by itself
    timed_out,    ///< stopped at its time limit
    cancelled,    ///< stopped, or taken from the queue, by cancel()
    not_started,  ///< the start failed; JobResult::status says why
};

/// What a child wrote to a pipe.
struct Captured {
    std::string bytes;  ///< the first of them

    /// How many more there were than Job::capture_limit, or than there was memory for.
    std::uint64_t dropped = 0;
};

/// How a job ended. A plain value.
struct JobResult {
    JobId id = 0;                ///< what submit() returned
    JobEnd end = JobEnd::ended;  ///< why it is over

    /// How the child ended, or why that is not known: its start failed, it was cancelled before it
    /// (ECANCELED), or it outlived its StopPolicy (ETIMEDOUT; it is reaped if it ends after all).
    Result<ExitStatus> status = std::unexpected(Error{});

    pid_t pid = 0;                         ///< 0 if there was no child
    std::string_view backend{};            ///< that started it
    std::string why_not_warm{};            ///< see Child::why_not_warm()
    std::optional<ResourceUsage> usage{};  ///< unset if the child did not end

    /// From before the start of the child to its end.
    std::chrono::nanoseconds duration{};

    /// By the child's descriptor: what it wrote to its pipes, unless Job::on_output had it.
    std::map<int, Captured> output{};

    /// How often a shortage made the start fail before.
    unsigned start_retries = 0;
};

/// A program to be run by a Supervisor.
///
/// A file or another descriptor that the output should go to is best given to the child itself, by
/// Command::fd(): then it costs nothing here. Callbacks run in the Supervisor's thread; they may
/// submit and cancel jobs, but not wait.
struct Job {
    Template program;   ///< what to start
    Command command{};  ///< what to start it with

    /// From the start of the child, not from submission.
    std::optional<std::chrono::milliseconds> time_limit{};

    /// What happens to the child at its time limit or when it is cancelled.
    StopPolicy stop{.terminate = std::chrono::seconds(2), .kill = std::chrono::milliseconds::max()};

    /// How much is kept, in bytes, of what the child writes to each pipe of
    /// Command::pipe_from_child(). The rest is read and dropped, so that the child never blocks.
    std::size_t capture_limit = std::size_t{1} << 20;

    /// How long to go on reading when the child has ended and others still have its pipes open.
    std::chrono::milliseconds output_grace{1000};

    /// Called when the child runs. It may take what the Supervisor does not use: the ends of
    /// Command::pipe_to_child() and the pseudo-terminal. It must not wait for the child.
    std::function<void(JobId, Child&)> on_start{};

    /// Gets what the child writes to the pipe that is its descriptor @p target, in pieces as they
    /// come, in place of JobResult::output.
    std::function<void(JobId, int target, std::string_view bytes)> on_output{};

    /// Gets the result, in place of Supervisor::next().
    std::function<void(JobResult)> on_end{};
};

}  // namespace spawntpl
