// SPDX-License-Identifier: MIT
#include "descriptors.hpp"

#include "child_action.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::warm {

namespace {

using Moves = std::span<const detail::WarmMove>;

/// They are in ascending order.
bool is_target(Moves moves, int fd) {
    std::size_t low = 0, high = moves.size();
    while (low < high) {
        std::size_t middle = (low + high) / 2;
        if (moves[middle].target < fd)
            low = middle + 1;
        else
            high = middle;
    }
    return low < moves.size() && moves[low].target == fd;
}

/// To a number that is no target; the old one stays open.
bool move_away(Moves moves, int& fd) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    while (copy >= 0 && is_target(moves, copy))
        copy = fcntl(fd, F_DUPFD_CLOEXEC, copy + 1);
    if (copy < 0)
        return false;
    fd = copy;
    return true;
}

}  // namespace

int arrange(Moves moves, Descriptors& descriptors) {
    for (std::size_t i = 0; i < moves.size(); ++i) {
        auto [target, source] = moves[i];
        // What a later move reads, or the child needs to the end, must not be overwritten. What
        // another one has put there is a target by now, and no source any more.
        bool free = true;
        for (int& fd : descriptors.received)
            if (fd == target && &fd != &descriptors.received[source])
                free = free && move_away(moves, fd);
        if (descriptors.socket == target)
            free = free && move_away(moves, descriptors.socket);
        if (!free || !detail::move_descriptor(descriptors.received[source], target))
            return static_cast<int>(i);
    }
    return -1;
}

void close_all_but(Moves moves) {
    int next = 0;
    for (const detail::WarmMove& move : moves) {
        if (next < move.target)
            syscall(SYS_close_range, static_cast<unsigned>(next),
                    static_cast<unsigned>(move.target - 1), 0);
        next = move.target + 1;
    }
    syscall(SYS_close_range, static_cast<unsigned>(next), ~0U, 0);
}

}  // namespace spawntpl::warm
