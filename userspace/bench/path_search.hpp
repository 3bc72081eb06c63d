// SPDX-License-Identifier: MIT
#pragma once

#include "questions.hpp"

namespace spawntpl::bench {

/// A program by its absolute path and by its bare name, with a PATH of 1, 14 and 50 entries that
/// has it in the first or in the last.
std::vector<Group> path_groups(const Selection& selection);

}  // namespace spawntpl::bench
