// SPDX-License-Identifier: MIT
#pragma once

#include "deadline.hpp"

#include <spawntpl/child.hpp>
#include <spawntpl/error.hpp>
#include <spawntpl/stop_policy.hpp>

#include <array>
#include <cstddef>
#include <optional>

namespace spawntpl::detail {

/// A StopPolicy on its way, for whoever does something else between its signals.
class StopStages {
public:
    explicit StopStages(const StopPolicy& policy);

    /// Sends the signal of the next stage. Tells when the stage is over, or that none was left.
    Result<std::optional<Clock::time_point>> begin_next(const Child& child);

private:
    struct Stage {
        std::optional<std::chrono::milliseconds> time;
        int signal;  ///< or 0
    };

    std::array<Stage, 3> stages_;
    std::size_t next_ = 0;
    bool tree_;
};

}  // namespace spawntpl::detail
