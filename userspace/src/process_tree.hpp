// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

namespace spawntpl::detail {

/// Sends a signal to all processes that descend from the child @p root: their parents are among
/// them, or they are in a group or session that one of them leads. Each is stopped before its
/// children are looked for, so that it cannot have any more, and goes on with the signal. The root
/// has to be stopped already; it gets the signal from here only if it leads a process group. It
/// must not have been waited for, or its number could be another's. Errors of single processes are
/// passed over: they may end at any time.
void signal_descendants(pid_t root, int signal);

}  // namespace spawntpl::detail
