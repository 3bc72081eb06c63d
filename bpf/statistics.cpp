// SPDX-License-Identifier: MIT
#include "statistics.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace spawnlat {

namespace {

std::uint64_t slot_begin(unsigned slot) {
    if (slot < SLOTS_PER_POWER)
        return slot;
    unsigned shift = slot / SLOTS_PER_POWER - 1;
    return std::uint64_t{SLOTS_PER_POWER + slot % SLOTS_PER_POWER} << shift;
}

std::uint64_t slot_last(unsigned slot) {
    return slot_begin(slot + 1) - 1;
}

constexpr std::array<const char*, STAGES> stage_names{
    "create",       "wakeup",    "setup",   "exec_failed", "exec",    "link",
    "run",          "zombie",    "total",   "caller",      "copy_mm", "copy_files",
    "copy_sighand", "exec_open", "exec_mm", "exec_map",    "faults"};

constexpr std::array<const char*, METHODS> method_names{
    "other", "fork", "vfork", "clone", "clone3", "posix_spawn", "spawntpl-clone3", "template"};

constexpr std::array<const char*, CLASSES> class_names{"exec", "chain", "exec_failed", "no_exec"};

// The counters, to be added and subtracted one by one.
constexpr std::array counters{&spawnlat_counts::threads, &spawnlat_counts::failed_calls,
                              &spawnlat_counts::execs,   &spawnlat_counts::failed_execs,
                              &spawnlat_counts::faults,  &spawnlat_counts::linker_maps};

template <typename Operation>
void combine(spawnlat_counts& a, const spawnlat_counts& b, Operation operation) {
    for (unsigned i = 0; i < CLASSES; ++i)
        a.classes[i] = operation(a.classes[i], b.classes[i]);
    for (auto counter : counters)
        a.*counter = operation(a.*counter, b.*counter);
}

}  // namespace

void Histogram::merge(const spawnlat_histogram& part) {
    for (unsigned i = 0; i < SLOTS; ++i) {
        slots_[i] += part.slots[i];
        count_ += part.slots[i];
    }
    sum_ += part.sum;
    max_ = std::max<std::uint64_t>(max_, part.max);
    if (part.min && (!min_ || part.min < min_))
        min_ = part.min;
}

Histogram Histogram::since(const Histogram& earlier) const {
    if (!earlier.count_)
        return *this;
    Histogram result;
    for (unsigned i = 0; i < SLOTS; ++i) {
        result.slots_[i] = slots_[i] - earlier.slots_[i];
        if (!result.slots_[i])
            continue;
        if (!result.count_)
            result.min_ = std::max(slot_begin(i), min_);
        result.count_ += result.slots_[i];
        result.max_ = std::min(slot_last(i), max_);
    }
    result.sum_ = sum_ - earlier.sum_;
    return result;
}

std::uint64_t Histogram::percentile(double fraction) const {
    auto rank = static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
    std::uint64_t before = 0;
    for (unsigned i = 0; i < SLOTS; ++i) {
        if (before + slots_[i] < rank || !slots_[i]) {
            before += slots_[i];
            continue;
        }
        // As if the values of a slot were spread evenly.
        double part = (static_cast<double>(rank - before) - 0.5) / static_cast<double>(slots_[i]);
        double width = static_cast<double>(slot_last(i) - slot_begin(i));
        return std::clamp(slot_begin(i) + static_cast<std::uint64_t>(part * width), min_, max_);
    }
    return 0;
}

std::vector<std::uint64_t> Histogram::powers() const {
    std::vector<std::uint64_t> result;
    for (unsigned i = 0; i < SLOTS; ++i) {
        if (!slots_[i])
            continue;
        unsigned power = std::bit_width(slot_begin(i) | 1) - 1;
        result.resize(std::max<std::size_t>(result.size(), power + 1));
        result[power] += slots_[i];
    }
    return result;
}

std::uint64_t Group::ended() const {
    return std::accumulate(std::begin(counts.classes), std::end(counts.classes), std::uint64_t{0});
}

bool Group::empty() const {
    return ended() == 0 &&
           std::ranges::all_of(counters, [&](auto counter) { return counts.*counter == 0; }) &&
           std::ranges::all_of(stages, [](const Histogram& h) { return h.count() == 0; });
}

Snapshot Snapshot::since(const Snapshot& earlier) const {
    Snapshot result = *this;
    for (auto& [key, group] : result.groups) {
        auto found = earlier.groups.find(key);
        if (found == earlier.groups.end())
            continue;
        combine(group.counts, found->second.counts, std::minus());
        for (unsigned i = 0; i < STAGES; ++i)
            group.stages[i] = group.stages[i].since(found->second.stages[i]);
    }
    for (unsigned i = 0; i < LOSTS; ++i)
        result.lost[i] -= earlier.lost[i];
    result.missed -= earlier.missed;
    return result;
}

spawnlat_counts Snapshot::totals() const {
    spawnlat_counts result{};
    for (const auto& [key, group] : groups)
        combine(result, group.counts, std::plus());
    return result;
}

const char* stage_name(unsigned stage) {
    return stage_names.at(stage);
}

const char* method_name(unsigned method) {
    return method_names.at(method);
}

const char* class_name(unsigned process_class) {
    return class_names.at(process_class);
}

const char* backend_name(unsigned method) {
    switch (method) {
    case METHOD_TEMPLATE:
        return "kernel";
    case METHOD_SPAWNTPL_CLONE3:
        return "clone3";
    case METHOD_POSIX_SPAWN:
        return "posix_spawn";
    default:
        return "-";
    }
}

}  // namespace spawnlat
