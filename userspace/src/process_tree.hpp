// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string_view>

#include <sys/types.h>

namespace spawntpl::detail {

struct Relations {
    pid_t parent;
    pid_t group;
    pid_t session;
};

/// What a /proc/PID/stat says; nothing of a zombie.
std::optional<Relations> parse_relations(std::string_view stat);

/// Sends a signal to all processes that descend from the child @p root, but not to itself: their
/// parents are among them, or they are in a group or session that one of them leads. The root
/// must not have been waited for, or its number could be another's. Errors of single processes
/// are passed over: they may end at any time.
void signal_descendants(pid_t root, int signal);

/// As signal_descendants(), but stops each process before it looks for its children, so that it
/// cannot have any more. The root has to be stopped already; it gets the signal, too, if it leads a
/// process group.
void stop_and_signal_descendants(pid_t root, int signal);

}  // namespace spawntpl::detail
