// SPDX-License-Identifier: MIT
#pragma once

#include "warm_protocol.hpp"

#include <span>

namespace spawntpl::warm {

/// The descriptors of a child: those that came with its request, and one of its own.
struct Descriptors {
    std::span<int> received;
    int socket;
};

/// Gives the child the targets of @p moves. Its own descriptor may get another number. Returns the
/// index of the move that failed, with errno, or -1.
int arrange(std::span<const detail::WarmMove> moves, Descriptors& descriptors);

/// Closes all but the targets of @p moves.
void close_all_but(std::span<const detail::WarmMove> moves);

}  // namespace spawntpl::warm
