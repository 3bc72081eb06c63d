// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/fd.hpp>

#include <nlohmann/json.hpp>

#include <string_view>

namespace spawntpl::bench {

/// Why there is no Python here; empty if there is.
std::string why_no_python();

/// Becomes a script that was built with this program. The socket is its standard input, the request
/// its argument, /dev/null its standard output.
[[noreturn]] void execute_python(const Fd& socket, std::string_view script,
                                 const nlohmann::json& request);

}  // namespace spawntpl::bench
