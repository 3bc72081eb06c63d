// SPDX-License-Identifier: MIT
#pragma once

#include "questions.hpp"

namespace spawntpl::bench {

/// A program by its absolute path and by its bare name, with a PATH of 1, 14 and 50 entries that
/// has it in the first or in the last.
std::vector<Group> path_groups(const Selection& selection);

/// Not what starts no program of anybody's choice, and what is made of a path.
bool can_search(std::string_view method);

}  // namespace spawntpl::bench
