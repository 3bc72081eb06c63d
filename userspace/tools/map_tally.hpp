// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace spawntpl::tools {

/// How many jobs came to what.
struct Tally {
    std::uint64_t done = 0;
    std::uint64_t failed = 0;  ///< of those
    std::uint64_t start_retries = 0;
    std::vector<std::uint64_t> stopped{};      ///< numbers of jobs that were ended
    std::vector<std::uint64_t> not_started{};  ///< numbers of jobs that were taken back

    /// "2 jobs done, 1 of them failed; 1 ended (3); 0 not started"
    std::string text() const;
};

}  // namespace spawntpl::tools
