// SPDX-License-Identifier: MIT
#pragma once

#include "clock.hpp"

#include <nlohmann/json.hpp>

#include <expected>
#include <optional>
#include <string>

namespace spawntpl::bench {

/// Keeps this process and its children on one CPU; returns which, or why not.
std::expected<int, std::string> pin_to_one_cpu();

/// Where something was measured.
nlohmann::ordered_json environment(Unit unit, const Calibration& calibration,
                                   std::optional<int> pinned_to);

}  // namespace spawntpl::bench
