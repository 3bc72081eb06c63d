// SPDX-License-Identifier: MIT
#pragma once

#include "deadline.hpp"

#include <spawntpl/error.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace spawntpl::detail {

/// Something to wait for, named by whoever waits: not 0, and never used for another thing later.
using Token = std::uint64_t;

struct Event {
    Token token;
    int error = 0;             ///< an errno, or 0
    std::string_view bytes{};  ///< valid until the next wait(); of a read, empty at its end
};

/// Waits for many things at once, in one thread. Descriptors stay open until their last event or
/// cancel().
class EventLoop {
public:
    virtual ~EventLoop() = default;

    virtual std::string_view name() const = 0;

    /// One event when the child of this program has ended. It has yet to be waited for.
    virtual Result<void> await_exit(Token token, int pidfd) = 0;

    /// One event when the descriptor can be read, or its error.
    virtual Result<void> await_readable(Token token, int fd) = 0;

    /// Reads a pipe: an event for each piece, the last one with an error or without bytes.
    virtual Result<void> read(Token token, int pipe) = 0;

    /// No further event of what has the token, if anything has.
    virtual void cancel(Token token) = 0;

    /// Appends what has happened to @p events; waits for it, but not after @p until.
    virtual Result<void> wait(Clock::time_point until, std::vector<Event>& events) = 0;
};

Result<std::unique_ptr<EventLoop>> make_uring_loop();
Result<std::unique_ptr<EventLoop>> make_epoll_loop();

/// The one of that name; without a name io_uring, or epoll where the system refuses that.
Result<std::unique_ptr<EventLoop>> make_event_loop(std::string_view name);

Error watch_error(int error, std::string detail = {});

}  // namespace spawntpl::detail
