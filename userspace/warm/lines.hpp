// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <fcntl.h>
#include <unistd.h>

namespace spawntpl::warm {

/// Reads a file line by line; what of a line is longer than the buffer is lost.
class Lines {
public:
    /// Room for the longest path and what is before it.
    static constexpr std::size_t max_length = 4096 + 127;

    explicit Lines(const char* path) : fd_(open(path, O_RDONLY | O_CLOEXEC)) {}

    Lines(const Lines&) = delete;

    ~Lines() {
        if (fd_ >= 0)
            close(fd_);
    }

    bool is_open() const { return fd_ >= 0; }

    /// Without its end; null at the end of the file.
    const char* next() {
        std::size_t length = 0;
        for (;;) {
            if (at_ == end_) {
                ssize_t count = read(fd_, buffer_, sizeof(buffer_));
                if (count <= 0)
                    break;
                at_ = 0;
                end_ = static_cast<std::size_t>(count);
            }
            char byte = buffer_[at_++];
            if (byte == '\n') {
                line_[length] = '\0';
                return line_;
            }
            if (length + 1 < sizeof(line_))
                line_[length++] = byte;
        }
        line_[length] = '\0';
        return length != 0 ? line_ : nullptr;
    }

private:
    int fd_;
    std::size_t at_ = 0;
    std::size_t end_ = 0;
    char buffer_[4096];
    char line_[max_length + 1];
};

}  // namespace spawntpl::warm
