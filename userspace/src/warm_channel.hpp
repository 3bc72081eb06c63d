// SPDX-License-Identifier: MIT
#pragma once

#include "warm_protocol.hpp"

#include <spawntpl/fd.hpp>

#include <array>
#include <span>
#include <utility>

namespace spawntpl::detail {

/// What comes with WarmStep::ready: the pidfd of the child, and the socket to it.
using ReadyFds = std::array<Fd, warm_ready_fds>;

/// The owner's end of a socket to a template process or to its children.
class WarmChannel {
public:
    WarmChannel() = default;

    /// What has been made already.
    explicit WarmChannel(Fd socket) : socket_(std::move(socket)) {}

    /// Makes both ends; the other one is for the template process. -1 and errno if it fails.
    Fd open();

    int fd() const { return socket_.get(); }

    /// False and errno if it cannot be sent.
    bool send(std::span<const std::byte> bytes, std::span<const int> fds) const;

    /// The next answer, with what came along. False and errno: EPIPE if nobody is left who could
    /// say something, EAGAIN after warm_look_around, EPROTO if what came is no answer.
    bool receive(WarmReply& reply, ReadyFds& fds, int flags = 0) const;

    /// The same for the answer of a broker.
    bool receive(WarmEnd& end) const;

    void close() { socket_.reset(); }

private:
    template <typename Message>
    bool receive(Message& message, ReadyFds& fds, int flags,
                 const char* (*decode)(std::span<const std::byte>, std::uint32_t, Message&)) const;

    Fd socket_;
};

}  // namespace spawntpl::detail
