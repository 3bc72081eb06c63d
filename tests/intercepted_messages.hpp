// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include <sys/socket.h>

namespace spawntpl::tests {

/// As long as one of these lives, the calling thread does not send the messages of sendmsg(2), or
/// does not get those of recvmsg(2), but what has become of them. Not two at the same time.
class InterceptedMessages {
public:
    /// May change the bytes and the descriptors of a message; one that was received does not get
    /// longer. Returns whether it has.
    using Spoil = std::function<bool(std::vector<std::byte>& bytes, std::vector<int>& fds)>;

    enum class Way { sent, received };

    explicit InterceptedMessages(Spoil spoil, Way way = Way::sent);

    InterceptedMessages(const InterceptedMessages&) = delete;

    ~InterceptedMessages();

    /// How many were changed.
    std::size_t count() const { return count_; }

    Way way() const { return way_; }

    /// The message in the place of another one.
    long send(int socket, const msghdr& message, int flags);

    /// The same for what is received.
    long receive(int socket, msghdr& message, int flags);

private:
    Spoil spoil_;
    Way way_;
    std::size_t count_ = 0;
};

}  // namespace spawntpl::tests
