// SPDX-License-Identifier: MIT
//
// What was counted, as text for people and as JSON for programs.
#pragma once

#include "statistics.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace spawnlat {

struct Interval {
    /// CLOCK_MONOTONIC, in nanoseconds.
    std::uint64_t start = 0;
    std::uint64_t end = 0;

    double seconds() const { return static_cast<double>(end - start) / 1e9; }
};

struct ReportOptions {
    spawnlat_group group_by = GROUP_METHOD;
    bool histograms = false;
    bool clear_screen = false;
};

const char* group_name(unsigned group_by);

/// A table for each group.
void print_text(std::ostream& out, const Snapshot& counted, Interval when,
                const ReportOptions& options);

/// One line for each group, the busiest first.
void print_top(std::ostream& out, const Snapshot& counted, Interval when,
               const ReportOptions& options);

// JSON has one object a line; spawnlat.schema.json describes them.

/// The first one: from now on processes are seen.
void print_json_start(std::ostream& out, const std::vector<std::string>& missing);

/// @p type: "interval", or "summary" for the whole time.
void print_json(std::ostream& out, const char* type, const Snapshot& counted, Interval when,
                const ReportOptions& options);

}  // namespace spawnlat
