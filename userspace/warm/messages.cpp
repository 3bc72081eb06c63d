// SPDX-License-Identifier: MIT
#include "messages.hpp"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

namespace spawntpl::warm {

namespace {

// Children use it where it is: the strings of their arguments are in it.
alignas(4096) std::byte message[detail::warm_max_request];
char* pointers[detail::warm_max_strings + 2];
int received[detail::warm_max_fds];

}  // namespace

Received receive(int socket) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(received))];
    iovec part{message, sizeof(message)};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
    ssize_t length;
    do
        length = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    while (length < 0 && errno == EINTR);
    if (length <= 0)
        _exit(0);

    std::size_t count = 0;
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part))
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
            std::size_t size = part->cmsg_len - CMSG_LEN(0);
            std::memcpy(received + count, CMSG_DATA(part), size);
            count += size / sizeof(int);
        }
    return {{message, static_cast<std::size_t>(length)},
            {received, count},
            (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0};
}

void touch_message_memory() {
    message[0] = {};
    pointers[0] = nullptr;
    received[0] = 0;
}

std::span<char*> string_pointers() {
    return pointers;
}

}  // namespace spawntpl::warm
