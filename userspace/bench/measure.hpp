// SPDX-License-Identifier: MIT
#pragma once

#include "methods.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace spawntpl::bench {

/// Of a sorted, not empty list of samples; percentiles by nearest rank.
struct Distribution {
    std::int64_t min;
    std::int64_t p50;
    std::int64_t p90;
    std::int64_t p99;
    double mean;
};

Distribution distribution(std::vector<std::int64_t> samples);

/// One method and what came of it.
struct Contender {
    std::unique_ptr<Runner> runner{};
    std::vector<std::int64_t> returned{};
    std::vector<std::int64_t> ended{};
    std::string failure{};  ///< why it is out, else empty
};

/// Takes @p count samples of each contender, in turns, so that what changes meanwhile changes for
/// all. A failed start, or a child that does not end as @p expected, puts a contender out.
/// @p round_done is called whenever each has had a turn.
void measure(std::vector<Contender>& contenders, std::uint64_t count, ExitStatus expected,
             const std::function<void()>& round_done);

std::string describe(ExitStatus status);

}  // namespace spawntpl::bench
