// SPDX-License-Identifier: MIT
#include "intercepted_messages.hpp"

#include <cstring>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::tests {

namespace {

thread_local InterceptedMessages* active;

}  // namespace

InterceptedMessages::InterceptedMessages(Spoil spoil) : spoil_(std::move(spoil)) {
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
    std::vector<int> fds;
    if (const cmsghdr* rights = CMSG_FIRSTHDR(&message)) {
        fds.resize((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        std::memcpy(fds.data(), CMSG_DATA(rights), fds.size() * sizeof(int));
    }
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

}  // namespace spawntpl::tests

/// In the place of libc's, for the library that is linked into the tests.
extern "C" ssize_t sendmsg(int socket, const msghdr* message, int flags) {
    if (auto* active = spawntpl::tests::active)
        return active->send(socket, *message, flags);
    return syscall(SYS_sendmsg, socket, message, flags);
}
