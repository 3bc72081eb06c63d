// SPDX-License-Identifier: MIT
//
// Processes beside the benchmark's own that start programs: for methods whose parent is another.
#pragma once

#include <spawntpl/fd.hpp>

#include <cstddef>
#include <expected>
#include <functional>
#include <set>
#include <span>
#include <string>

#include <sys/types.h>

namespace spawntpl::bench {

/// A process that answers messages, and ends when this object does: it is then told that no more
/// come, and killed only where it does not end by itself.
class OwnProcess {
public:
    /// Forks one that calls @p serve with its end of a socket pair for messages and ends when that
    /// returns.
    static std::expected<OwnProcess, std::string> start(
        const std::function<void(const Fd& socket)>& serve);

    OwnProcess(OwnProcess&& other) noexcept;
    OwnProcess& operator=(OwnProcess&&) = delete;
    ~OwnProcess();

    const Fd& socket() const { return socket_; }

private:
    OwnProcess(pid_t pid, Fd socket) : pid_(pid), socket_(std::move(socket)) {}

    pid_t pid_;
    Fd socket_;
};

/// For a process of this kind that executes a program: a terminal's SIGINT is for all of its
/// processes, and this one is to answer until it is told to end.
void block_interrupt();

/// Of this process: those that run, and those that nobody has waited for.
std::set<pid_t> children();

/// One whole message, or the reason why there is none.
std::expected<void, std::string> receive(const Fd& socket, std::span<std::byte> message);

template <typename Message>
std::expected<Message, std::string> receive(const Fd& socket) {
    Message message;
    auto received = receive(socket, std::as_writable_bytes(std::span(&message, 1)));
    if (!received)
        return std::unexpected(received.error());
    return message;
}

}  // namespace spawntpl::bench
