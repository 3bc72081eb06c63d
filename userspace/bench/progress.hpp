// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

namespace spawntpl::bench {

/// How far the benchmark is: a bar on a terminal, else a line for each group.
class Progress {
public:
    Progress(std::ostream& out, bool terminal) : out_(out), terminal_(terminal) {}

    void start(std::uint64_t groups, std::uint64_t rounds);
    void group(std::string name, std::uint64_t rounds);
    void round();
    void end();

private:
    using Clock = std::chrono::steady_clock;

    void draw();

    std::ostream& out_;
    bool terminal_;
    std::uint64_t groups_ = 0;
    std::uint64_t rounds_ = 0;
    std::uint64_t groups_begun_ = 0;
    std::uint64_t rounds_done_ = 0;
    std::uint64_t group_end_ = 0;  ///< rounds done when this group is
    std::string name_;
    Clock::time_point began_{};
    Clock::time_point drawn_{};
};

}  // namespace spawntpl::bench
