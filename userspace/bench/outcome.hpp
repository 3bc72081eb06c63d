// SPDX-License-Identifier: MIT
#pragma once

#include "parent.hpp"
#include "statistics.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <optional>
#include <string>

namespace spawntpl::bench {

/// What one method needs, in relation to another one of the same group.
struct Ratio {
    double value;
    std::optional<Interval> interval;
};

/// What one method needed for one program, or why that is not known.
struct Outcome {
    std::string question;
    std::string program;
    std::string variant;
    std::string method;
    std::string backend{};  ///< of the library, or empty
    ParentShape parent;
    std::uint64_t mappings = 0;
    std::uint64_t count;
    std::optional<Distribution> ended{};
    std::optional<Distribution> returned{};
    std::optional<Interval> median{};  ///< unset: too few turns
    double drift = 0;
    double return_drift = 0;
    std::int64_t idle = 0;  ///< ticks of a sample, on average, in which nobody had anything to do
    bool idle_is_left_out = false;
    std::map<std::string, Ratio> ratios{};  ///< by the name of the other method
    std::map<std::string, Ratio> return_ratios{};
    nlohmann::ordered_json extra{};  ///< members of the result
    unsigned mark = 0;               ///< of its starts, see Stopwatch
    std::string failure{};
    bool unavailable = false;  ///< the failure: this system does not have that method or parent
};

/// Whether the two were measured together.
inline bool same_group(const Outcome& a, const Outcome& b) {
    return a.question == b.question && a.program == b.program && a.variant == b.variant &&
           a.parent == b.parent && a.count == b.count;
}

}  // namespace spawntpl::bench
