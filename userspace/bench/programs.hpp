// SPDX-License-Identifier: MIT
#pragma once

#include "methods.hpp"

namespace spawntpl::bench {

/// A program that the methods start. It exits with status 0.
struct Program {
    std::string name;
    std::vector<std::string> words;  ///< its command line; the first one is looked up in PATH
};

const std::vector<Program>& programs();

/// In place of a program's name where it is several: see agent_groups().
inline constexpr std::string_view mixed_program = "tools";

/// Null if there is none of that name.
const Program* find_program(std::string_view name);

/// The absolute path of a program that was built with this one.
std::string payload(std::string_view name);

/// Looks the program of a command line up.
std::expected<Invocation, std::string> resolve(const std::vector<std::string>& words);

}  // namespace spawntpl::bench
