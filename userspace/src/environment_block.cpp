// SPDX-License-Identifier: MIT
#include "environment_block.hpp"

#include <algorithm>
#include <utility>

namespace spawntpl::detail {

namespace {

/// The changes that count: of each variable the last.
std::vector<const Command::EnvChange*> last_changes(const std::vector<Command::EnvChange>& all) {
    std::vector<const Command::EnvChange*> last;
    for (const Command::EnvChange& change : all) {
        auto same = std::ranges::find_if(
            last, [&](const auto* earlier) { return earlier->first == change.first; });
        if (same != last.end())
            *same = &change;
        else
            last.push_back(&change);
    }
    return last;
}

std::string what_is_wrong(const Command::EnvChange& change) {
    if (change.first.empty())
        return "the name of an environment variable is empty";
    std::string quoted = "'" + std::string(change.first.c_str()) + "'";
    if (change.first.find('=') != std::string::npos)
        return "the name of the environment variable " + quoted + " contains a '='";
    if (change.first.find('\0') != std::string::npos)
        return "the name of the environment variable " + quoted + " contains a NUL";
    if (change.second && change.second->find('\0') != std::string::npos)
        return "the value of the environment variable " + quoted + " contains a NUL";
    return {};
}

}  // namespace

EnvironmentBlock::Made EnvironmentBlock::make(const Environment& environment) {
    EnvironmentBlock block;
    block.pointers_.reserve(environment.entries().size() + 1);
    for (const std::string& entry : environment.entries()) {
        if (entry.find('\0') != std::string::npos)
            return std::unexpected("environment entry " + std::to_string(block.pointers_.size()) +
                                   " contains a NUL");
        // execve(2) does not write to the strings that it takes as char*.
        block.pointers_.push_back(const_cast<char*>(entry.c_str()));
    }
    block.pointers_.push_back(nullptr);
    return block;
}

EnvironmentBlock::Made EnvironmentBlock::change(char* const* base,
                                                const std::vector<Command::EnvChange>& changes) {
    for (const Command::EnvChange& change : changes)
        if (std::string wrong = what_is_wrong(change); !wrong.empty())
            return std::unexpected(std::move(wrong));

    auto pending = last_changes(changes);
    const auto changed = pending;
    EnvironmentBlock block;
    for (; base && *base; ++base) {
        auto of_this_name = [&](const auto* change) {
            return entry_has_name(*base, change->first);
        };
        auto change = std::ranges::find_if(changed, of_this_name);
        if (change == changed.end()) {
            block.pointers_.push_back(*base);
        } else if (auto first = std::ranges::find(pending, *change); first != pending.end()) {
            // It keeps its place; further entries of the same name are dropped.
            if ((*change)->second)
                block.append((*change)->first + '=' + *(*change)->second);
            pending.erase(first);
        }
    }
    for (const Command::EnvChange* change : pending)
        if (change->second)
            block.append(change->first + '=' + *change->second);
    block.pointers_.push_back(nullptr);
    return block;
}

void EnvironmentBlock::append(std::string entry) {
    own_.push_back(std::move(entry));
    pointers_.push_back(own_.back().data());
}

}  // namespace spawntpl::detail
