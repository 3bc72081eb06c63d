// SPDX-License-Identifier: MIT
//
// What the benchmark makes of its samples.
#include "statistics.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <random>
#include <vector>

namespace spawntpl::bench {
namespace {

using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;
using Samples = std::vector<std::int64_t>;

constexpr std::size_t turn = 5;
constexpr int measurements = 300;

TEST(StatisticsTest, PercentilesAreByNearestRank) {
    Samples samples;
    for (std::int64_t i = 200; i > 0; --i)
        samples.push_back(i);
    Distribution of_many = distribution(samples);
    EXPECT_EQ(of_many.min, 1);
    EXPECT_EQ(of_many.p50, 100);
    EXPECT_EQ(of_many.p90, 180);
    EXPECT_EQ(of_many.p99, 198);
    EXPECT_EQ(of_many.max, 200);
    EXPECT_DOUBLE_EQ(of_many.mean, 100.5);

    Distribution of_one = distribution(Samples{7});
    EXPECT_EQ(of_one.min, 7);
    EXPECT_EQ(of_one.p50, 7);
    EXPECT_EQ(of_one.p99, 7);
    EXPECT_EQ(of_one.max, 7);
}

TEST(StatisticsTest, FewTurnsHaveNoInterval) {
    Samples samples(least_turns * turn, 1000);
    EXPECT_TRUE(confidence(resampled_medians(samples, turn)));
    samples.resize((least_turns - 1) * turn);
    EXPECT_THAT(resampled_medians(samples, turn), IsEmpty());
    EXPECT_FALSE(confidence(resampled_medians(samples, turn)));
    EXPECT_FALSE(confidence_of_ratio({}, {}));
}

TEST(StatisticsTest, TheSameSamplesHaveTheSameInterval) {
    std::mt19937_64 random(1);
    Samples samples(100);
    for (std::int64_t& sample : samples)
        sample = static_cast<std::int64_t>(random() % 1000);
    EXPECT_EQ(resampled_medians(samples, turn), resampled_medians(samples, turn));
}

TEST(StatisticsTest, AMethodIsAsFastAsItself) {
    Samples samples;
    for (std::int64_t i = 1; i <= 100; ++i)
        samples.push_back(i * i);
    auto medians = resampled_medians(samples, turn);
    auto ratio = confidence_of_ratio(medians, medians);
    ASSERT_TRUE(ratio);
    EXPECT_DOUBLE_EQ(ratio->low, 1);
    EXPECT_DOUBLE_EQ(ratio->high, 1);
}

/// Times as a machine has them: what disturbs one start disturbs its whole turn, and some starts
/// take far longer. Half of them take less than the median.
class Machine {
public:
    explicit Machine(unsigned seed) : random_(seed) {}

    Samples measure(double median, std::size_t turns) {
        Samples samples;
        for (std::size_t i = 0; i < turns; ++i) {
            double disturbed = 0.1 * normal_(random_);
            for (std::size_t k = 0; k < turn; ++k)
                samples.push_back(
                    std::llround(median * std::exp(disturbed + 0.2 * normal_(random_))));
        }
        return samples;
    }

private:
    std::mt19937_64 random_;
    std::normal_distribution<double> normal_;
};

/// How many of the measurements have an interval with the truth in it.
template <typename IntervalOf>
int covered(double truth, IntervalOf interval_of) {
    int count = 0;
    for (int i = 0; i < measurements; ++i) {
        Machine machine(static_cast<unsigned>(i));
        auto interval = interval_of(machine);
        count += interval && interval->low <= truth && truth <= interval->high;
    }
    return count;
}

class CoverageTest : public testing::TestWithParam<std::size_t> {};

// The seeds are fixed, so these are the same each time; of 300, 285 are 95 %.
TEST_P(CoverageTest, OfAMedian) {
    int count = covered(100'000, [](Machine& machine) {
        return confidence(resampled_medians(machine.measure(100'000, GetParam()), turn));
    });
    EXPECT_THAT(count, Ge(measurements * 90 / 100));
    EXPECT_THAT(count, Le(measurements * 99 / 100));
}

TEST_P(CoverageTest, OfARatio) {
    int count = covered(1.5, [](Machine& machine) {
        auto slow = machine.measure(150'000, GetParam());
        auto fast = machine.measure(100'000, GetParam());
        return confidence_of_ratio(resampled_medians(slow, turn), resampled_medians(fast, turn));
    });
    EXPECT_THAT(count, Ge(measurements * 90 / 100));
    EXPECT_THAT(count, Le(measurements * 99 / 100));
}

INSTANTIATE_TEST_SUITE_P(Turns, CoverageTest, testing::Values(least_turns, 20, 40));

TEST(StatisticsTest, DriftIsBetweenTheHalves) {
    EXPECT_EQ(drift(Samples(10, 1000)), 0);
    EXPECT_EQ(drift(Samples{1000}), 0);
    EXPECT_DOUBLE_EQ(drift(Samples{1000, 1000, 1000, 1100, 1100, 1100}), 0.1);
}

}  // namespace
}  // namespace spawntpl::bench
