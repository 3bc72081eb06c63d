// SPDX-License-Identifier: MIT
#include "program_words.hpp"

#include <CLI/CLI.hpp>

namespace spawntpl::tools {

std::vector<std::string> program_words(const CLI::App& command,
                                       const std::vector<std::string>& tail) {
    std::vector<std::string> words = command.remaining();
    if (!words.empty() && words.front().starts_with('-'))
        throw CLI::ExtrasError({words.front()});
    words.insert(words.end(), tail.begin() + (words.empty() && !tail.empty()), tail.end());
    if (words.empty())
        throw CLI::RequiredError("PROGRAM");
    return words;
}

}  // namespace spawntpl::tools
