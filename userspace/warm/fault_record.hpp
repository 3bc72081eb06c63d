// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include <linux/perf_event.h>
#include <sys/types.h>

namespace spawntpl::warm {

/// Where a process looks at its memory for the first time, up to its end or its exec: the addresses
/// of its page faults, by perf_event_open(2).
class FaultRecord {
public:
    /// False and errno if that is not allowed: see /proc/sys/kernel/perf_event_paranoid.
    bool begin(pid_t process);

    /// Frees what it takes, which nobody else does; it can be begun again.
    void end();

    bool has_begun() const { return buffer_ != nullptr; }

    /// Of the process, which has to have been begun with.
    bool process_has_ended() const;

    /// The next address; false if there is none any more. What does not fit into the buffer is
    /// lost.
    bool next(std::uintptr_t& address);

private:
    bool map();

    int fd_ = -1;
    perf_event_mmap_page* buffer_ = nullptr;  ///< the data follow
};

}  // namespace spawntpl::warm
