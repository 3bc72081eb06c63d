// SPDX-License-Identifier: MIT
#pragma once

#include "uapi/linux/spawn_template.h"

#include <cstdint>

#include <sys/types.h>

namespace spawntpl::detail {

// A sanitizer would take note of functions that are entered and, for the caller, never left.
#define SPAWNTPL_IN_CHILD [[gnu::no_sanitize_address, gnu::no_sanitize_thread]]

/// The kernel's view of a signal set.
using SignalBits = std::uint64_t;

/// Gives them this disposition, SIG_IGN or SIG_DFL, as an exec leaves it: without flags.
void set_dispositions(SignalBits signals, void (*disposition)(int));

/// Makes @p target, without close-on-exec, what @p source is, which may be the same number. False
/// and errno if it fails.
bool move_descriptor(int source, int target);

/// Does in this process what the kernel does for an action of spawn_template_spawn(2); false and
/// errno if it fails. @p parent is that of the process, for a parent-death signal.
bool perform_action(const spawn_template_action& action, pid_t parent);

}  // namespace spawntpl::detail
