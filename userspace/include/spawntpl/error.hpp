// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/export.hpp>

#include <expected>
#include <string>
#include <string_view>
#include <system_error>

namespace spawntpl {

/// What the library was doing when it failed.
enum class Step {
    choose_backend,   ///< finding a backend that works here, or the one that was asked for
    resolve_program,  ///< finding and opening the program of a new Template
    request,          ///< checking the request, its arguments and its environment
    redirect,         ///< giving the child a descriptor; see Error::index and Error::target
    enter_directory,  ///< entering the working directory
    set_umask,
    open_terminal,  ///< making a pseudo-terminal
    start_session,
    join_process_group,
    take_terminal,     ///< making a terminal the controlling one
    enter_foreground,  ///< making the child's process group the foreground one
    set_limit,         ///< Error::index is the place among Attributes::limits
    set_nice,
    set_scheduler,
    set_affinity,
    set_ids,
    set_no_new_privileges,
    set_parent_death_signal,
    set_signals,
    clone,         ///< creating the process, in its cgroup and namespaces, or its pidfd
    open_program,  ///< opening the program of a Template at the start of a child
    execute,       ///< executing it
    wait,          ///< waiting for a child
    send_signal,   ///< sending a signal to a child
    read_output,   ///< reading what a child writes
    supervise,     ///< watching children, or running a job
};

/// The step's name as printed in JSON: the enumerator.
SPAWNTPL_API std::string_view to_string(Step step);

/// Why a call failed. `code` and `step` are always set, the rest where it applies.
struct SPAWNTPL_API Error {
    std::error_code code{};     ///< the errno, in std::generic_category()
    Step step = Step::request;  ///< what failed
    int index = -1;             ///< place among the Command's redirections, or its resource limits
    int target = -1;            ///< Step::redirect: the child's descriptor
    int source = -1;            ///< the caller's descriptor or directory, where there is one
    std::string path{};         ///< the program, directory or file that the step was about
    std::string detail{};       ///< what errno cannot say, for example which limit was exceeded
    /// The system reported no step: it was found by looking for the cause afterwards.
    bool inferred = false;

    /// One line for people: "cannot enter working directory '/x': No such file or directory".
    std::string message() const;
};

/// A value, or why there is none.
template <typename T>
using Result = std::expected<T, Error>;

}  // namespace spawntpl
