// SPDX-License-Identifier: MIT
#pragma once

#include "child_action.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <sys/resource.h>
#include <sys/types.h>

namespace spawntpl::detail {

/// What a child inherits from the thread that starts it, besides memory, descriptors and the
/// working directory: as it is now, and comparable with what it was at another time.
class CallerState {
public:
    /// Of the calling thread.
    static CallerState read();

    /// What of it is different in @p other, in words, and cannot be set to another value in a
    /// child; empty if nothing is.
    std::string_view difference(const CallerState& other) const;

    // What can be set in a child.
    mode_t umask = 0;
    pid_t process_group = 0;
    SignalBits blocked = 0;
    SignalBits ignored = 0;
    std::array<rlimit, RLIM_NLIMITS> limits{};

private:
    void read_status();
    void read_calls();

    std::vector<std::string> fixed_;  ///< in the order of their descriptions
};

}  // namespace spawntpl::detail
