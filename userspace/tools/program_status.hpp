// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/error.hpp>

namespace spawntpl::tools {

// Exit statuses, as env(1), xargs(1) and the shells have them.
inline constexpr int own_failure = 125;
inline constexpr int cannot_execute = 126;
inline constexpr int not_found = 127;

/// The one that tells of a start that failed.
int program_status(const Error& error);

}  // namespace spawntpl::tools
