// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

#include <sys/types.h>

namespace spawntpl::detail {

/// The last start of a thread, to tell what the thread will do after its next one.
class LastStart {
public:
    /// Whether the child has ended and been reaped, and the thread has hardly run since its start:
    /// who starts, waits and starts again is likely to wait again.
    bool is_waited_for() const;

    void note(pid_t child);

private:
    pid_t child_ = 0;                      ///< 0: none yet
    std::chrono::nanoseconds cpu_time_{};  ///< of the thread, then
};

/// That of the calling thread.
inline thread_local LastStart last_start;

}  // namespace spawntpl::detail
