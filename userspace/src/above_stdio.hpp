// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/fd.hpp>

#include <fcntl.h>
#include <unistd.h>

namespace spawntpl::detail {

inline constexpr int first_after_stdio = STDERR_FILENO + 1;

/// Takes a new close-on-exec descriptor, or -1 and errno, and moves it away from 0, 1 and 2 if it
/// can: where the program has closed those, other code in it may still read from and write to them.
inline Fd above_stdio(int fd) {
    if (fd < 0 || fd > STDERR_FILENO)
        return Fd(fd);
    Fd low(fd);
    Fd high(fcntl(fd, F_DUPFD_CLOEXEC, first_after_stdio));
    return high ? std::move(high) : std::move(low);
}

}  // namespace spawntpl::detail
