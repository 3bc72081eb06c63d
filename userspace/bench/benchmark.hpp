// SPDX-License-Identifier: MIT
#pragma once

#include "report.hpp"

namespace spawntpl::bench {

/// What to measure. Nothing chosen: a selection that shows what each property of the parent does.
struct Selection {
    std::vector<std::string> methods;
    std::vector<std::string> programs;
    std::vector<std::uint64_t> fds;
    std::vector<std::uint64_t> rss_mib;
    std::vector<std::uint64_t> env;
    std::uint64_t count;  ///< samples of each method
};

/// Measures, with a line of progress for each group of methods that are compared.
std::vector<Outcome> run(const Selection& selection, std::ostream& progress);

}  // namespace spawntpl::bench
