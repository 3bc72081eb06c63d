// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace spawntpl::detail {

/// A number of this process that a copy of it, by a fork of whatever kind, does not have.
std::uint64_t process_generation();

}  // namespace spawntpl::detail
