// SPDX-License-Identifier: MIT
#pragma once

#include "warm_protocol.hpp"

#include <span>

namespace spawntpl::warm {

/// The descriptors of a child: those that came with its request, and two of its own.
struct Descriptors {
    std::span<int> received;
    int socket;
    int pidfd;
};

/// Gives the child the targets of @p moves, no others but its own two, which may get other numbers.
/// Returns the index of the move that failed, with errno, or -1.
int arrange(std::span<const detail::WarmMove> moves, Descriptors& descriptors);

}  // namespace spawntpl::warm
