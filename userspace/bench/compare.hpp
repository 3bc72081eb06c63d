// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <ostream>

namespace spawntpl::bench {

/// Says what has become slower and what faster since the old result; returns how many are slower.
/// Of the same machine only, and only where chance does not explain it: the 95 % confidence
/// intervals of the two medians have nothing in common.
std::size_t compare(std::ostream& out, const nlohmann::ordered_json& old_results,
                    const nlohmann::ordered_json& new_results);

}  // namespace spawntpl::bench
