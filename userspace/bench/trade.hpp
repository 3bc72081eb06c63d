// SPDX-License-Identifier: MIT
#pragma once

#include "questions.hpp"

namespace spawntpl::bench {

/// What a template costs: the time to make it, the memory and the descriptors that it holds, and
/// after how many starts it has paid for itself, compared with posix_spawn and with vfork.
std::vector<Group> trade_groups(const Selection& selection);

}  // namespace spawntpl::bench
