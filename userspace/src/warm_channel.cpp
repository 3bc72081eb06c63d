// SPDX-License-Identifier: MIT
#include "warm_channel.hpp"

#include "above_stdio.hpp"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/time.h>

namespace spawntpl::detail {

Fd WarmChannel::open() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return Fd();
    socket_ = above_stdio(ends[0]);
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &warm_look_around, sizeof(warm_look_around));
    return above_stdio(ends[1]);
}

bool WarmChannel::send(std::span<const std::byte> bytes, std::span<const int> fds) const {
    return send_warm_message(socket_.get(), bytes, fds);
}

bool WarmChannel::receive(WarmReply& reply, ReadyFds& fds, int flags) const {
    return receive(reply, fds, flags, decode_warm_reply);
}

bool WarmChannel::receive(WarmEnd& end) const {
    ReadyFds none;
    return receive(end, none, 0, decode_warm_end);
}

template <typename Message>
bool WarmChannel::receive(Message& message, ReadyFds& fds, int flags,
                          const char* (*decode)(std::span<const std::byte>, std::uint32_t,
                                                Message&)) const {
    // Whoever waits at the other end of what came before is to see that nobody comes.
    fds = {};
    std::byte bytes[sizeof(message)];
    iovec part{bytes, sizeof(bytes)};
    alignas(cmsghdr) char control[CMSG_SPACE(warm_ready_fds * sizeof(int))];
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
    // With MSG_TRUNC, the length of a message that is too long.
    ssize_t length = recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC | MSG_TRUNC | flags);
    // Else a timer could keep its owner from ever looking around.
    if (length < 0 && errno == EINTR)
        errno = EAGAIN;
    if (length == 0 || (length < 0 && errno != EAGAIN))
        errno = EPIPE;
    if (length <= 0)
        return false;
    std::uint32_t count = 0;
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
        int received[warm_ready_fds];
        count = static_cast<std::uint32_t>((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        std::memcpy(received, CMSG_DATA(rights), count * sizeof(int));
        for (std::size_t i = 0; i < count; ++i)
            fds[i] = above_stdio(received[i]);
    }
    if (static_cast<std::size_t>(length) <= sizeof(bytes) &&
        !decode({bytes, static_cast<std::size_t>(length)}, count, message))
        return true;
    errno = EPROTO;
    return false;
}

}  // namespace spawntpl::detail
