// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/command.hpp>
#include <spawntpl/environment.hpp>

#include <deque>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace spawntpl::detail {

/// Whether an entry is that of the variable @p name.
constexpr bool entry_has_name(std::string_view entry, std::string_view name) {
    return entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name);
}

/// An environment as the system calls take it. Keeps pointers to the strings it is made from.
class EnvironmentBlock {
public:
    using Made = std::expected<EnvironmentBlock, std::string>;

    /// What is wrong, if an entry contains a NUL.
    static Made make(const Environment& environment);

    /// @p base is NULL-terminated. What is wrong, if a change cannot be made.
    static Made change(char* const* base, const std::vector<Command::EnvChange>& changes);

    /// NULL-terminated.
    char* const* data() const { return pointers_.data(); }

private:
    void append(std::string entry);

    std::vector<char*> pointers_;
    std::deque<std::string> own_;  ///< does not move its elements
};

}  // namespace spawntpl::detail
