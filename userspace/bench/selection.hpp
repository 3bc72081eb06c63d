// SPDX-License-Identifier: MIT
#pragma once

#include "clock.hpp"
#include "parent.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace spawntpl::bench {

/// What to measure. What is empty is left to the question.
struct Selection {
    std::vector<std::string> questions;
    std::vector<std::string> methods;
    std::vector<std::string> programs;
    /// For each of parent_properties().
    std::vector<std::vector<std::uint64_t>> properties{parent_properties().size()};
    std::uint64_t count = 0;  ///< samples of each method; 0: as many as are usual
    Unit unit = Unit::ns;
    bool quick = false;  ///< less of everything, for every day
};

}  // namespace spawntpl::bench
