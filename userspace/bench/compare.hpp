// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <ostream>

namespace spawntpl::bench {

struct Comparison {
    std::size_t slower = 0;
    std::size_t fail_now = 0;  ///< could be measured before
};

/// Says what has become slower and what faster since the old result, by 1 % or more, and only where
/// chance does not explain it: the 95 % confidence intervals of the two medians have nothing in
/// common. Where one of them has too few turns for an interval, that is said instead. Both are such
/// as read_result() or to_json() gives.
Comparison compare(std::ostream& out, const nlohmann::ordered_json& old_results,
                   const nlohmann::ordered_json& new_results);

}  // namespace spawntpl::bench
