// SPDX-License-Identifier: MIT
#pragma once

#include "questions.hpp"

namespace spawntpl::bench {

/// What an agent runtime does all day: short tools in a working directory, what they write read
/// through a pipe, by so many workers with so many calls in flight each. The shape of the table
/// that came with the RFC of spawn templates in May 2026: 6,144 calls, 16 at a time.
std::vector<Group> agent_groups(const Selection& selection);

bool is_agent_method(std::string_view method);

}  // namespace spawntpl::bench
