// SPDX-License-Identifier: MIT
#pragma once

#include "report.hpp"

namespace spawntpl::bench {

/// What to measure. Nothing chosen: a selection that shows what each property of the parent does.
struct Selection {
    std::vector<std::string> methods;
    std::vector<std::string> programs;
    /// For each of parent_properties(); empty: the ordinary value.
    std::vector<std::vector<std::uint64_t>> properties{parent_properties().size()};
    std::uint64_t count;  ///< samples of each method
};

/// Measures, with a line of progress for each group of methods that are compared.
std::vector<Outcome> run(const Selection& selection, std::ostream& progress);

}  // namespace spawntpl::bench
