// SPDX-License-Identifier: MIT
#pragma once

#include "warm_protocol.hpp"

#include <span>

namespace spawntpl::warm {

/// A message that was received.
struct Received {
    std::span<std::byte> bytes;
    std::span<int> fds;
    bool whole;  ///< with all of its descriptors
};

/// Into memory of its own, which the next one overwrites. Ends the process when the owner has gone.
Received receive(int socket);

/// Writes to the memory that receive() will use, so that it is there.
void touch_message_memory();

/// Room for pointers to the strings of a message.
std::span<char*> string_pointers();

}  // namespace spawntpl::warm
