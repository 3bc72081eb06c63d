// SPDX-License-Identifier: MIT
#pragma once

#include "warm_protocol.hpp"

#include <spawntpl/fd.hpp>

#include <span>

namespace spawntpl::detail {

/// The owner's end of a socket to a template process or to its children.
class WarmChannel {
public:
    /// Makes both ends; the other one is for the template process. -1 and errno if it fails.
    Fd open();

    int fd() const { return socket_.get(); }

    /// False and errno if it cannot be sent.
    bool send(std::span<const std::byte> bytes, std::span<const int> fds) const;

    /// The next answer to the WarmFill with this serial. False and errno: EPIPE if nobody is left
    /// who could say something, EAGAIN after a time in which it should have come.
    bool receive(std::uint32_t serial, WarmReply& reply, Fd& pidfd, int flags = 0) const;

    void close() { socket_.reset(); }

private:
    Fd socket_;
};

}  // namespace spawntpl::detail
