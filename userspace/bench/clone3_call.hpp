// SPDX-License-Identifier: MIT
#pragma once

struct clone_args;

namespace spawntpl::bench {

/// clone3() for a child that shares the caller's memory and stops the caller until it has executed
/// a program or ended. It has a stack of its own and calls @p function, which must not return.
/// Returns the pid, or -1 and errno.
long clone3_vfork(clone_args& args, void (*function)(void*), void* argument);

}  // namespace spawntpl::bench
