// SPDX-License-Identifier: MIT
#include "map_stream.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace spawntpl::tools {

namespace {

bool never_blocks(int fd) {
    struct stat status;
    return (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) ||
           (fcntl(fd, F_GETFL) & O_NONBLOCK);
}

/// The same pipe or terminal, if it is one, opened once more: O_NONBLOCK of the descriptor at hand
/// is that of others, too.
Fd open_nonblocking(int fd) {
    struct stat status;
    if (fstat(fd, &status) != 0 || !(S_ISFIFO(status.st_mode) || isatty(fd)))
        return {};
    std::string path = "/proc/self/fd/" + std::to_string(fd);
    return Fd(open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

/// As poll(2) takes it.
int milliseconds_until(const std::optional<std::chrono::steady_clock::time_point>& end) {
    if (!end)
        return -1;
    auto left = *end - std::chrono::steady_clock::now();
    return std::max(0,
                    static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
}

}  // namespace

OutputStream::OutputStream(int fd, const WriteWait& wait)
    : fd_(fd), takes_what_fits_(never_blocks(fd)), wait_(wait) {
    if (takes_what_fits_)
        return;
    own_ = open_nonblocking(fd);
    if (own_) {
        fd_ = own_.get();
        takes_what_fits_ = true;
    }
}

int OutputStream::write(std::string_view bytes) {
    while (!bytes.empty()) {
        if (!takes_what_fits_)
            await_reader();
        if (is_stuck_)
            return ETIMEDOUT;
        // So much a pipe takes without blocking, if anything.
        std::size_t most = takes_what_fits_ ? bytes.size() : std::size_t{PIPE_BUF};
        ssize_t length = ::write(fd_, bytes.data(), std::min(bytes.size(), most));
        if (length >= 0)
            bytes.remove_prefix(static_cast<std::size_t>(length));
        else if (errno == EAGAIN)
            await_reader();
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

void OutputStream::await_reader() {
    pollfd polled[] = {{.fd = fd_, .events = POLLOUT, .revents = 0},
                       {.fd = wait_.wake_fd, .events = POLLIN, .revents = 0}};
    while (!is_stuck_) {
        int count = poll(polled, std::size(polled), milliseconds_until(wait_.until));
        is_stuck_ = count == 0;
        if (count > 0 && polled[1].revents != 0)
            wait_.woken();
        if (count > 0 && polled[0].revents != 0)
            return;
    }
}

}  // namespace spawntpl::tools
