// SPDX-License-Identifier: MIT
#include "intercepted_messages.hpp"

#include <algorithm>
#include <cstring>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::tests {

namespace {

thread_local InterceptedMessages* active;

std::vector<int> descriptors_of(const msghdr& message) {
    std::vector<int> fds;
    const cmsghdr* rights = CMSG_FIRSTHDR(&message);
    if (!rights)
        return fds;
    fds.resize((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(fds.data(), CMSG_DATA(rights), fds.size() * sizeof(int));
    return fds;
}

}  // namespace

InterceptedMessages::InterceptedMessages(Spoil spoil, Way way)
    : spoil_(std::move(spoil)), way_(way) {
    active = this;
}

InterceptedMessages::~InterceptedMessages() {
    active = nullptr;
}

long InterceptedMessages::send(int socket, const msghdr& message, int flags) {
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
        const auto* part = static_cast<const std::byte*>(message.msg_iov[i].iov_base);
        bytes.insert(bytes.end(), part, part + message.msg_iov[i].iov_len);
    }
    std::vector<int> fds = descriptors_of(message);
    if (!spoil_(bytes, fds))
        return syscall(SYS_sendmsg, socket, &message, flags);

    ++count_;
    iovec part{bytes.data(), bytes.size()};
    std::vector<std::byte> control(CMSG_SPACE(fds.size() * sizeof(int)));
    msghdr other{};
    other.msg_iov = &part;
    other.msg_iovlen = 1;
    if (!fds.empty()) {
        other.msg_control = control.data();
        other.msg_controllen = control.size();
        cmsghdr* rights = CMSG_FIRSTHDR(&other);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
        std::memcpy(CMSG_DATA(rights), fds.data(), fds.size() * sizeof(int));
    }
    return syscall(SYS_sendmsg, socket, &other, flags);
}

long InterceptedMessages::receive(int socket, msghdr& message, int flags) {
    long length = syscall(SYS_recvmsg, socket, &message, flags);
    if (length <= 0)
        return length;
    auto* first = static_cast<std::byte*>(message.msg_iov->iov_base);
    std::vector<std::byte> bytes(
        first, first + std::min(static_cast<std::size_t>(length), message.msg_iov->iov_len));
    std::vector<int> fds = descriptors_of(message);
    std::vector<int> all = fds;
    if (!spoil_(bytes, fds))
        return length;

    ++count_;
    std::memcpy(first, bytes.data(), bytes.size());
    for (std::size_t lost = fds.size(); lost < all.size(); ++lost)
        close(all[lost]);
    if (fds.empty())
        message.msg_controllen = 0;
    else
        CMSG_FIRSTHDR(&message)->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    return static_cast<long>(bytes.size());
}

}  // namespace spawntpl::tests

// In the place of libc's, for the library that is linked into the tests.

extern "C" ssize_t sendmsg(int socket, const msghdr* message, int flags) {
    using spawntpl::tests::InterceptedMessages;
    auto* active = spawntpl::tests::active;
    if (active && active->way() == InterceptedMessages::Way::sent)
        return active->send(socket, *message, flags);
    return syscall(SYS_sendmsg, socket, message, flags);
}

extern "C" ssize_t recvmsg(int socket, msghdr* message, int flags) {
    using spawntpl::tests::InterceptedMessages;
    auto* active = spawntpl::tests::active;
    if (active && active->way() == InterceptedMessages::Way::received)
        return active->receive(socket, *message, flags);
    return syscall(SYS_recvmsg, socket, message, flags);
}
