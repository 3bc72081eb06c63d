// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace spawntpl::bench {

/// Of a list of samples that is not empty; percentiles by nearest rank.
struct Distribution {
    std::int64_t min;
    std::int64_t p50;
    std::int64_t p90;
    std::int64_t p99;
    std::int64_t max;
    double mean;
};

Distribution distribution(std::span<const std::int64_t> samples);

/// A 95 % confidence interval.
struct Interval {
    double low;
    double high;
};

/// With fewer turns the bootstrap's intervals are far too narrow: there is none.
inline constexpr std::size_t least_turns = 12;

/// Medians of what chance could have made of the samples: the bootstrap. Whole turns are drawn, as
/// what disturbs one start disturbs its neighbours. Lists of the same length get the same turns, so
/// that the quotients of two methods' medians are a bootstrap of their ratio. Empty for too few
/// turns.
std::vector<double> resampled_medians(std::span<const std::int64_t> samples, std::size_t turn);

/// Of values that were resampled, unless there are none.
std::optional<Interval> confidence(std::vector<double> values);

/// Of the ratio of two methods that took turns.
std::optional<Interval> confidence_of_ratio(std::span<const double> medians,
                                            std::span<const double> to);

/// How far the medians of the first and the second half are apart, in parts of the median: 0 where
/// counting again gives the same count.
double drift(std::span<const std::int64_t> samples);

}  // namespace spawntpl::bench
