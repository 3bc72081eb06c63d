// SPDX-License-Identifier: MIT
#include "idle_time.hpp"

#include "samples.hpp"

#include <cerrno>
#include <charconv>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace spawntpl::bench {

namespace {

constexpr const char* path = "/proc/timer_list";

// In a line of each CPU, with the number behind a colon.
constexpr std::string_view name = ".idle_sleeptime";

int file = -1;

std::string_view read_all() {
    // Not in memory that a measured fork() would have to copy.
    static std::vector<char, NotForked<char>> buffer(256 << 10);
    std::size_t size = 0;
    ssize_t count;
    lseek(file, 0, SEEK_SET);
    while (size < buffer.size() &&
           (count = read(file, buffer.data() + size, buffer.size() - size)) > 0)
        size += static_cast<std::size_t>(count);
    return {buffer.data(), size};
}

std::unexpected<std::string> failure(const std::string& why) {
    return std::unexpected("cannot tell waiting from instructions by '" + std::string(path) +
                           "': " + why);
}

}  // namespace

std::expected<void, std::string> tell_idle_time() {
    if (file < 0)
        file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return failure(std::generic_category().message(errno));
    if (!read_all().contains(name))
        return failure("it has no " + std::string(name));
    return {};
}

std::int64_t idle_time() {
    if (file < 0)
        return 0;
    std::int64_t sum = 0;
    std::string_view text = read_all();
    for (auto at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
        const char* number = text.data() + text.find_first_of("0123456789\n", at);
        std::int64_t value = 0;
        std::from_chars(number, text.data() + text.size(), value);
        sum += value;
    }
    return sum;
}

}  // namespace spawntpl::bench
