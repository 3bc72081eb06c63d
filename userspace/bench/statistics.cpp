// SPDX-License-Identifier: MIT
#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace spawntpl::bench {

namespace {

constexpr std::size_t resamples = 400;

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

}  // namespace

Distribution distribution(std::vector<std::int64_t> samples) {
    std::ranges::sort(samples);
    double sum = std::accumulate(samples.begin(), samples.end(), 0.0);
    return {.min = samples.front(),
            .p50 = nearest_rank(samples, 50),
            .p90 = nearest_rank(samples, 90),
            .p99 = nearest_rank(samples, 99),
            .max = samples.back(),
            .mean = sum / static_cast<double>(samples.size())};
}

std::vector<double> resampled_medians(std::span<const std::int64_t> samples, std::size_t turn) {
    std::size_t turns = (samples.size() + turn - 1) / turn;
    // A seed of its own would make two reports of one measurement differ.
    std::mt19937_64 random(turns);
    std::uniform_int_distribution<std::size_t> choose(0, turns - 1);
    std::vector<double> medians;
    std::vector<std::int64_t> drawn;
    for (std::size_t i = 0; i < resamples; ++i) {
        drawn.clear();
        for (std::size_t k = 0; k < turns; ++k) {
            std::size_t first = choose(random) * turn;
            auto part = samples.subspan(first, std::min(turn, samples.size() - first));
            drawn.insert(drawn.end(), part.begin(), part.end());
        }
        medians.push_back(static_cast<double>(median(drawn)));
    }
    return medians;
}

Interval confidence(std::vector<double> values) {
    std::ranges::sort(values);
    std::size_t tail = values.size() / 40;
    return {values[tail], values[values.size() - 1 - tail]};
}

Interval confidence_of_ratio(std::span<const double> medians, std::span<const double> to) {
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
