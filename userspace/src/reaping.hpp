// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/fd.hpp>

#include <sys/types.h>

namespace spawntpl::detail {

/// A pidfd of it; -1 and errno if that fails.
Fd open_process(pid_t pid);

/// Whether a process, of whomever, has ended.
bool has_ended(const Fd& pidfd);

void kill_process(const Fd& pidfd);

/// Whether a child of this process has ended, or has been reaped by others, or has stopped and
/// nobody has waited for that. Of other processes, whether they have ended.
bool is_over_or_stopped(const Fd& pidfd);

/// Ends a child and reaps it. Others may have done either.
void kill_and_reap(const Fd& pidfd);

/// The same where there is no descriptor for it: if others reap it at this moment, another child
/// may be hit that gets its number.
void kill_and_reap(pid_t pid);

/// Whether a process is stopped, not by a wait, which others may have done.
bool is_stopped(pid_t pid);

}  // namespace spawntpl::detail
