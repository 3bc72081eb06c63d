// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>

namespace spawntpl {

/// What a process used from its start to its end, see getrusage(2).
struct ResourceUsage {
    std::chrono::microseconds user_time;    ///< on a CPU, in the program
    std::chrono::microseconds system_time;  ///< on a CPU, in the kernel
    std::uint64_t max_rss;                  ///< the most memory at a time, in bytes
};

}  // namespace spawntpl
