// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace spawntpl::tools {

/// The program and arguments at the end of a subcommand with prefix_command(). @p tail: the first
/// "--" of the command line and all that follows it. Throws CLI::ParseError if there is none.
std::vector<std::string> program_words(const CLI::App& command,
                                       const std::vector<std::string>& tail);

}  // namespace spawntpl::tools
