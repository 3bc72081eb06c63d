// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>

namespace spawntpl {

/// What a process used from its start to its end, see getrusage(2).
struct ResourceUsage {
    std::chrono::microseconds user_time;    ///< on a CPU, in the program
    std::chrono::microseconds system_time;  ///< on a CPU, in the kernel

    /// The most memory at a time, in bytes. Until its exec a child has its caller's, which counts:
    /// it is never less than what the caller had then, except by the backend "kernel".
    std::uint64_t max_rss;
};

}  // namespace spawntpl
