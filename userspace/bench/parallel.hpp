// SPDX-License-Identifier: MIT
#pragma once

#include "questions.hpp"

namespace spawntpl::bench {

/// Starts by several threads at the same time; by a supervisor; and a batch, all of which is
/// started before the first is waited for. A sample is the time of many starts, for each of them.
std::vector<Group> parallel_groups(const Selection& selection);

/// Not what has a process of its own, which is not several threads of one.
bool can_start_in_threads(std::string_view method);

}  // namespace spawntpl::bench
