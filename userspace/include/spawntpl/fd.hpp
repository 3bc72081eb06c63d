// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <utility>

#include <unistd.h>

namespace spawntpl {

/// Owns a descriptor: move-only, closes it at its end.
class Fd {
public:
    Fd() = default;

    /// Takes over @p fd; -1 is none.
    explicit Fd(int fd) : fd_(fd) {}

    /// Takes over what @p other has; that has none then.
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

    /// The same, after closing its own.
    Fd& operator=(Fd&& other) noexcept {
        reset(std::exchange(other.fd_, -1));
        return *this;
    }

    ~Fd() { reset(); }

    /// The descriptor, or -1.
    int get() const { return fd_; }

    /// Gives the descriptor up to the caller.
    int release() { return std::exchange(fd_, -1); }

    /// Closes it and takes over another one. Does not change errno.
    void reset(int fd = -1) {
        int error = errno;
        if (fd_ >= 0)
            close(fd_);
        fd_ = fd;
        errno = error;
    }

    /// Whether there is one.
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_ = -1;
};

}  // namespace spawntpl
