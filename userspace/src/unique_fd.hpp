// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace spawntpl::detail {

inline constexpr int first_after_stdio = STDERR_FILENO + 1;

/// Owns a descriptor.
class UniqueFd {
public:
    UniqueFd() = default;

    explicit UniqueFd(int fd) : fd_(fd) {}

    UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

    UniqueFd& operator=(UniqueFd&& other) noexcept {
        reset(std::exchange(other.fd_, -1));
        return *this;
    }

    ~UniqueFd() { reset(); }

    int get() const { return fd_; }

    int release() { return std::exchange(fd_, -1); }

    /// Does not change errno.
    void reset(int fd = -1) {
        int error = errno;
        if (fd_ >= 0)
            close(fd_);
        fd_ = fd;
        errno = error;
    }

    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_ = -1;
};

/// Takes a new close-on-exec descriptor, or -1 and errno, and moves it away from 0, 1 and 2 if it
/// can: where the program has closed those, other code in it may still read from and write to them.
inline UniqueFd above_stdio(int fd) {
    if (fd < 0 || fd > STDERR_FILENO)
        return UniqueFd(fd);
    UniqueFd low(fd);
    UniqueFd high(fcntl(fd, F_DUPFD_CLOEXEC, first_after_stdio));
    return high ? std::move(high) : std::move(low);
}

}  // namespace spawntpl::detail
