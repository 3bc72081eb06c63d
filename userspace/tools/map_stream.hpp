// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/fd.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

namespace spawntpl::tools {

/// What is done while a reader does not read.
struct WriteWait {
    int wake_fd;                                                   ///< -1 is none
    std::function<void()> woken;                                   ///< called when it can be read
    std::optional<std::chrono::steady_clock::time_point> until{};  ///< nobody reads any more
};

/// The standard output or the standard error. Whoever reads it may be slow, or stop to read for
/// good: nothing here blocks without an eye on the WriteWait.
class OutputStream {
public:
    /// @p wait outlives it.
    OutputStream(int fd, const WriteWait& wait);

    /// Writes all; an errno, or 0. ETIMEDOUT, now and later, when the time is over.
    int write(std::string_view bytes);

private:
    void await_reader();

    int fd_;
    Fd own_;
    bool takes_what_fits_;  ///< and blocks for nothing
    bool is_stuck_ = false;
    const WriteWait& wait_;
};

}  // namespace spawntpl::tools
