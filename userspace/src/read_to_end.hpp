// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <optional>
#include <string>

#include <unistd.h>

namespace spawntpl::detail {

/// What can be read of a descriptor up to the end of file; nothing if that fails.
inline std::optional<std::string> read_to_end(int fd) {
    std::string text;
    char buffer[4096];
    ssize_t length;
    while ((length = read(fd, buffer, sizeof(buffer))) > 0 || (length < 0 && errno == EINTR))
        if (length > 0)
            text.append(buffer, static_cast<std::size_t>(length));
    return length == 0 ? std::optional(std::move(text)) : std::nullopt;
}

}  // namespace spawntpl::detail
