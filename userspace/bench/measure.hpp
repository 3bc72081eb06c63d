// SPDX-License-Identifier: MIT
#pragma once

#include "methods.hpp"
#include "samples.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace spawntpl::bench {

/// One method and what came of it.
struct Contender {
    std::unique_ptr<Runner> runner{};
    Samples returned{};
    Samples ended{};
    std::int64_t left_out = 0;  ///< of all samples, see Run::idle
    std::int64_t idle = 0;      ///< ticks in turns of it, in which nobody had anything to do
    std::string failure{};      ///< why it is out, else empty
    unsigned mark = 0;          ///< of its starts, see Stopwatch
};

/// Samples that a contender takes before it is the next one's turn: of so many, few enough for a
/// confidence interval, if possible. One more, the first, does not count: it meets what the method
/// before left behind. After a fork, say, every page that the parent writes to has to be copied or
/// claimed back.
std::uint64_t samples_per_turn(std::uint64_t count);

/// Takes @p count samples of each contender, in turns of @p turn, so that what changes meanwhile
/// changes for all, and in another order each time, so that none follows the same one always. A
/// failed start, or a child that does not end as @p expected, puts a contender out.
/// @p round_done is called whenever each has had a turn.
void measure(std::vector<Contender>& contenders, std::uint64_t count, std::uint64_t turn,
             ExitStatus expected, const std::function<void()>& round_done);

std::string describe(ExitStatus status);

}  // namespace spawntpl::bench
