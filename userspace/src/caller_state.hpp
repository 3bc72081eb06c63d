// SPDX-License-Identifier: MIT
#pragma once

#include "actions.hpp"
#include "child_action.hpp"
#include "thread_files.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <sys/resource.h>
#include <sys/types.h>

namespace spawntpl::detail {

/// What a child inherits from the thread that starts it, besides memory, descriptors and the
/// working directory: as it is now, and comparable with what it was at another time.
class CallerState {
public:
    /// Of the calling thread, all of it anew. @p files are its own.
    static CallerState read(const ThreadFiles& files);

    /// Why no copy of another process is known to be like a child of the thread, in words; empty if
    /// one may be.
    std::string_view why_never() const { return why_never_; }

    /// What of it is different in @p other, in words, and cannot be set to another value in a
    /// child; empty if nothing is.
    std::string_view difference(const CallerState& other) const;

    /// What of it, as far as /proc/PID/status tells, another process does not have, in words; empty
    /// if it has all.
    static std::string_view difference_of_status(std::string_view own, std::string_view other);

    /// What is different, in words, of what can be set in a child and no exec changes.
    std::string_view difference_of_settable(const CallerState& other) const;

    /// What can be set in a child is what a process has that tells @p status of itself.
    void take_settable_of(pid_t process, std::string_view status);

    // What can be set in a child.
    mode_t umask = 0;
    pid_t process_group = 0;
    SignalBits blocked = 0;
    SignalBits ignored = 0;
    std::array<rlimit, RLIM_NLIMITS> limits{};
    std::string cpus;              ///< that it may run on, as in /proc/PID/status
    SchedulerOperand scheduler{};  ///< a child's, unless the thread keeps that to itself
    bool scheduler_is_inherited = true;

private:
    void read_status(std::string_view text);
    void read_files(const ThreadFiles& files);
    void read_calls();

    /// Ends the next part of what cannot be set.
    void end_part() { ends_[parts_++] = static_cast<std::uint32_t>(fixed_.size()); }
    void add_text(std::string_view text);
    void add_number(std::uint64_t number);

    static constexpr std::size_t max_parts = 64;

    std::string fixed_;  ///< the parts, in the order of their descriptions
    std::array<std::uint32_t, max_parts> ends_{};
    std::size_t parts_ = 0;
    std::string_view why_never_;
};

}  // namespace spawntpl::detail
