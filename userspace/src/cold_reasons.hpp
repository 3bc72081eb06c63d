// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace spawntpl::detail {

/// What one of enum spawn_template_start, other than SPAWN_TEMPLATE_START_WARM, says, in words.
/// @p detail is the cold_detail of struct spawn_template_create_args, or 0.
std::string describe_cold(std::uint32_t reason, std::int32_t detail = 0);

}  // namespace spawntpl::detail
