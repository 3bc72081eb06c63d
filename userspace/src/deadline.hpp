// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

#include <time.h>

namespace spawntpl::detail {

using Clock = std::chrono::steady_clock;

/// Now and some time, at most the last point of the clock.
template <typename Duration>
Clock::time_point after(Duration time) {
    Clock::time_point now = Clock::now();
    if (time <= Duration::zero())
        return now;
    // Compared as the coarser of the two: the other one's count could overflow.
    return time < std::chrono::duration_cast<Duration>(Clock::time_point::max() - now)
               ? now + std::chrono::duration_cast<Clock::duration>(time)
               : Clock::time_point::max();
}

/// As ppoll(2) takes it.
inline timespec time_left(Clock::time_point until) {
    Clock::time_point now = Clock::now();
    auto left = until > now ? until - now : Clock::duration::zero();
    auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    return {.tv_sec = seconds.count(), .tv_nsec = (left - seconds) / std::chrono::nanoseconds(1)};
}

}  // namespace spawntpl::detail
