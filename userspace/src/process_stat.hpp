// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string_view>

#include <sys/types.h>

namespace spawntpl::detail {

/// What the kernel tells of a process.
struct ProcessStat {
    char state;  ///< 'R' and so on, see proc(5)
    pid_t parent;
    pid_t group;
    pid_t session;

    /// Whether it is a zombie.
    bool has_ended() const { return state == 'Z' || state == 'X'; }
};

/// What a /proc/PID/stat says.
std::optional<ProcessStat> parse_stat(std::string_view stat);

/// Empty if there is no such process, or its file cannot be read.
std::optional<ProcessStat> read_stat(pid_t pid);

/// Whether the numbers in /proc are those of this program's pid namespace.
bool proc_is_ours();

}  // namespace spawntpl::detail
