// SPDX-License-Identifier: MIT
#include "inherited_fds.hpp"

#include <charconv>
#include <filesystem>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace spawntpl::tools {

std::optional<std::vector<int>> inherited_fds() {
    std::vector<int> fds;
    std::error_code failed;
    for (std::filesystem::directory_iterator entry("/proc/self/fd", failed), end;
         !failed && entry != end; entry.increment(failed)) {
        std::string name = entry->path().filename();
        int fd = -1;
        std::from_chars(name.data(), name.data() + name.size(), fd);
        if (fd <= STDERR_FILENO)
            continue;
        if (int flags = fcntl(fd, F_GETFD); flags >= 0 && (flags & FD_CLOEXEC) == 0)
            fds.push_back(fd);
    }
    if (failed)
        return std::nullopt;
    return fds;
}

}  // namespace spawntpl::tools
