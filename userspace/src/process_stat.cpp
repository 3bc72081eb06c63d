// SPDX-License-Identifier: MIT
#include "process_stat.hpp"

#include <spawntpl/fd.hpp>

#include <array>
#include <charconv>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

namespace spawntpl::detail {

std::optional<ProcessStat> parse_stat(std::string_view text) {
    // The second field is the name, which may contain anything but is the only one in parentheses.
    std::size_t end_of_name = text.rfind(')');
    if (end_of_name == std::string_view::npos)
        return std::nullopt;
    text.remove_prefix(end_of_name + 1);
    if (text.size() < 2 || text[0] != ' ')
        return std::nullopt;

    char state = text[1];
    std::array<pid_t, 3> values;
    text.remove_prefix(2);
    for (pid_t& value : values) {
        if (!text.starts_with(' '))
            return std::nullopt;
        auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), value);
        if (error != std::errc())
            return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    }
    return ProcessStat{
        .state = state, .parent = values[0], .group = values[1], .session = values[2]};
}

std::optional<ProcessStat> read_stat(pid_t pid) {
    char path[32];
    std::snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    Fd file(open(path, O_RDONLY | O_CLOEXEC));
    char buffer[512];
    ssize_t length = file ? read(file.get(), buffer, sizeof(buffer)) : -1;
    if (length <= 0)
        return std::nullopt;
    return parse_stat({buffer, static_cast<std::size_t>(length)});
}

bool proc_is_ours() {
    char self[16];
    ssize_t length = readlink("/proc/self", self, sizeof(self));
    pid_t pid = 0;
    return length > 0 && std::from_chars(self, self + length, pid).ptr == self + length &&
           pid == getpid();
}

}  // namespace spawntpl::detail
