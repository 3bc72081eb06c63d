// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>

namespace spawntpl {

/// What a process used from its start to its end, see getrusage(2).
struct ResourceUsage {
    std::chrono::microseconds user_time;
    std::chrono::microseconds system_time;
    std::uint64_t max_rss;  ///< bytes
};

}  // namespace spawntpl
