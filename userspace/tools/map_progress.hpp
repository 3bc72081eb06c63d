// SPDX-License-Identifier: MIT
#pragma once

#include "map_stream.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace spawntpl::tools {

/// A line at the bottom of a terminal: how many jobs are done, how fast, how long it will take.
class Progress {
public:
    using Clock = std::chrono::steady_clock;

    /// Writes nothing at all unless @p shown. @p stream outlives it.
    Progress(OutputStream& stream, bool shown) : stream_(stream), shown_(shown) {}

    struct Counts {
        std::uint64_t done;
        std::uint64_t failed;
        std::uint64_t running;
        std::optional<std::uint64_t> total;
    };

    /// When show() is next of use: never if nothing is shown.
    Clock::time_point next() const { return shown_ ? next_ : Clock::time_point::max(); }

    /// Draws the line again, but not too often.
    void show(const Counts& counts);

    /// Removes the line, for others to write.
    void clear();

private:
    OutputStream& stream_;
    bool shown_;
    bool drawn_ = false;
    Clock::time_point started_ = Clock::now();
    Clock::time_point next_ = started_;
};

}  // namespace spawntpl::tools
