// SPDX-License-Identifier: MIT
//
// What the probes have counted, read from the kernel and ready to be shown.
#pragma once

#include "spawnlat.h"

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace spawnlat {

/// Nanoseconds in log-linear slots: a percentile is off by 1/16 at most, the rest is exact.
class Histogram {
public:
    void merge(const spawnlat_histogram& part);

    /// What has come since an earlier state of the same histogram. Its extremes are those of the
    /// slots: exact ones are known for the whole time only.
    Histogram since(const Histogram& earlier) const;

    std::uint64_t count() const { return count_; }
    std::uint64_t sum() const { return sum_; }
    std::uint64_t min() const { return min_; }
    std::uint64_t max() const { return max_; }
    std::uint64_t mean() const { return count_ ? sum_ / count_ : 0; }

    /// @p fraction: 0.5 for the median.
    std::uint64_t percentile(double fraction) const;

    /// Entry i counts the values from 2^i to 2^(i + 1) - 1, the first one 0, too.
    std::vector<std::uint64_t> powers() const;

private:
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t min_ = 0;
    std::uint64_t max_ = 0;
    std::array<std::uint64_t, SLOTS> slots_{};
};

struct GroupKey {
    std::uint64_t id = 0;
    std::string name;

    auto operator<=>(const GroupKey&) const = default;
};

struct Group {
    spawnlat_counts counts{};
    std::array<Histogram, STAGES> stages;

    /// Processes that ended.
    std::uint64_t ended() const;

    /// Whether nothing was counted.
    bool empty() const;
};

/// Everything that was counted until one moment.
struct Snapshot {
    std::map<GroupKey, Group> groups;
    std::uint64_t running = 0;
    std::array<std::uint64_t, LOSTS> lost{};
    /// Probes that did not run because another task was in them on the same CPU.
    std::uint64_t missed = 0;

    Snapshot since(const Snapshot& earlier) const;
    spawnlat_counts totals() const;
};

const char* stage_name(unsigned stage);
const char* method_name(unsigned method);
const char* class_name(unsigned process_class);

/// Of libspawntpl's backends the one that starts processes like this, or "-".
const char* backend_name(unsigned method);

}  // namespace spawnlat
