// SPDX-License-Identifier: MIT
#pragma once

namespace spawntpl::warm {

/// Tells the owner what this process was made of, see WarmHello. @p files, NULL-terminated or null,
/// are what the program has named.
void send_hello(const char* why_not, const char* const* files);

}  // namespace spawntpl::warm
