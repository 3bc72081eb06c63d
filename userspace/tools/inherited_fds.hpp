// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <vector>

namespace spawntpl::tools {

/// The descriptors above 2 that this process leaves to the programs it executes, as it has got them
/// itself; nothing if they cannot be listed.
std::optional<std::vector<int>> inherited_fds();

}  // namespace spawntpl::tools
