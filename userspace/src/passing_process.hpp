// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

namespace spawntpl::detail {

/// Calls a function in a process of its own, which has the memory and the descriptors of the
/// calling thread, and ends with the function. Children that it leaves are then nobody's here: not
/// waited for, and without a signal to this process at their ends. Nor does this process get one
/// for the other, or see it where it waits for any child. The thread stands still meanwhile, with
/// all signals blocked, as after a vfork(2).
///
/// False and errno if there can be no such process. What the function throws is thrown here.
bool in_passing_process(const std::function<void()>& function);

}  // namespace spawntpl::detail
