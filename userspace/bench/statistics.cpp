// SPDX-License-Identifier: MIT
#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace spawntpl::bench {

namespace {

constexpr std::size_t resamples = 2'000;

std::int64_t nearest_rank(const std::vector<std::int64_t>& sorted, std::size_t percent) {
    return sorted[(sorted.size() * percent + 99) / 100 - 1];
}

std::int64_t median(std::vector<std::int64_t>& samples) {
    auto middle = samples.begin() + static_cast<std::ptrdiff_t>((samples.size() + 1) / 2 - 1);
    std::ranges::nth_element(samples, middle);
    return *middle;
}

std::int64_t median(std::span<const std::int64_t> samples) {
    std::vector<std::int64_t> copy(samples.begin(), samples.end());
    return median(copy);
}

struct Sample {
    std::int64_t value;
    std::size_t turn;
};

/// Of so many samples: each as often as its turn was drawn.
std::int64_t median(const std::vector<Sample>& sorted, const std::vector<std::uint32_t>& drawn,
                    std::size_t size) {
    std::size_t seen = 0;
    auto middle = std::ranges::find_if(sorted, [&](const Sample& sample) {
        seen += drawn[sample.turn];
        return seen >= (size + 1) / 2;
    });
    return middle->value;
}

}  // namespace

Distribution distribution(std::span<const std::int64_t> samples) {
    std::vector<std::int64_t> sorted(samples.begin(), samples.end());
    std::ranges::sort(sorted);
    double sum = std::accumulate(sorted.begin(), sorted.end(), 0.0);
    return {.min = sorted.front(),
            .p50 = nearest_rank(sorted, 50),
            .p90 = nearest_rank(sorted, 90),
            .p99 = nearest_rank(sorted, 99),
            .max = sorted.back(),
            .mean = sum / static_cast<double>(sorted.size())};
}

std::vector<double> resampled_medians(std::span<const std::int64_t> samples, std::size_t turn) {
    std::size_t turns = (samples.size() + turn - 1) / turn;
    if (turns < least_turns)
        return {};
    // Sorted once: what is drawn is then only counted.
    std::vector<Sample> sorted;
    for (std::size_t i = 0; i < samples.size(); ++i)
        sorted.push_back({samples[i], i / turn});
    std::ranges::sort(sorted, {}, &Sample::value);
    // A seed of its own would make two reports of one measurement differ.
    std::mt19937_64 random(turns);
    std::uniform_int_distribution<std::size_t> choose(0, turns - 1);
    std::vector<double> medians;
    for (std::size_t i = 0; i < resamples; ++i) {
        std::vector<std::uint32_t> drawn(turns);
        std::size_t size = 0;
        for (std::size_t k = 0; k < turns; ++k) {
            std::size_t chosen = choose(random);
            ++drawn[chosen];
            size += std::min(turn, samples.size() - chosen * turn);
        }
        medians.push_back(static_cast<double>(median(sorted, drawn, size)));
    }
    return medians;
}

std::optional<Interval> confidence(std::vector<double> values) {
    if (values.empty())
        return {};
    std::ranges::sort(values);
    std::size_t tail = values.size() / 40;
    return Interval{values[tail], values[values.size() - 1 - tail]};
}

std::optional<Interval> confidence_of_ratio(std::span<const double> medians,
                                            std::span<const double> to) {
    std::vector<double> ratios;
    std::ranges::transform(medians, to, std::back_inserter(ratios), std::divides());
    return confidence(std::move(ratios));
}

double drift(std::span<const std::int64_t> samples) {
    if (samples.size() < 2)
        return 0;
    auto first = static_cast<double>(median(samples.first(samples.size() / 2)));
    auto second = static_cast<double>(median(samples.subspan(samples.size() / 2)));
    return std::abs(second - first) / static_cast<double>(median(samples));
}

}  // namespace spawntpl::bench
