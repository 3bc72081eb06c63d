// SPDX-License-Identifier: MIT
//
// Changes to an environment.
#include "environment_block.hpp"
#include "fuzz.hpp"

#include <algorithm>
#include <map>
#include <optional>

namespace spawntpl::fuzz {

namespace {

bool is_valid(const Command::EnvChange& change) {
    const auto& [name, value] = change;
    return !name.empty() && name.find_first_of(std::string("=\0", 2)) == std::string::npos &&
           (!value || value->find('\0') == std::string::npos);
}

/// The name of an entry; none for one without a "=", which no change is about.
std::optional<std::string> name_of(const std::string& entry) {
    std::size_t equals = entry.find('=');
    return equals == std::string::npos ? std::nullopt : std::optional(entry.substr(0, equals));
}

using Changes = std::map<std::string, std::optional<std::string>>;

std::vector<std::string> entries_of(const Changes& changes, const std::vector<std::string>& entries,
                                    bool changed) {
    std::vector<std::string> result;
    for (const std::string& entry : entries) {
        auto name = name_of(entry);
        if ((name && changes.contains(*name)) == changed)
            result.push_back(entry);
    }
    return result;
}

}  // namespace

void run(Input input) {
    std::vector<std::string> base;
    for (int count = input.number(8); count > 0; --count)
        base.emplace_back(input.text().c_str());
    std::vector<Command::EnvChange> changes;
    while (!input.empty()) {
        std::string name = input.text();
        changes.emplace_back(name, input.flag() ? std::optional(input.text()) : std::nullopt);
    }
    std::vector<char*> pointers;
    for (std::string& entry : base)
        pointers.push_back(entry.data());
    pointers.push_back(nullptr);

    auto block = detail::EnvironmentBlock::change(pointers.data(), changes);
    require(block.has_value() == std::ranges::all_of(changes, is_valid),
            "what is no name or no value is an error, and nothing else is");
    if (!block) {
        require(!block.error().empty(), "the error says what is wrong");
        return;
    }

    std::vector<std::string> made;
    for (char* const* entry = block->data(); *entry; ++entry)
        made.emplace_back(*entry);
    Changes last;
    for (const auto& [name, value] : changes)
        last[name] = value;
    require(entries_of(last, made, false) == entries_of(last, base, false),
            "the others stay, in their order");

    std::vector<std::string> expected;
    for (const auto& [name, value] : last)
        if (value)
            expected.push_back(name + "=" + *value);
    std::vector<std::string> changed = entries_of(last, made, true);
    std::ranges::sort(expected);
    std::ranges::sort(changed);
    require(changed == expected, "of each variable that is set there is one entry");

    // A variable that was there keeps its place among those that stay.
    for (std::size_t i = 0, at = 0; i < base.size(); ++i) {
        auto name = name_of(base[i]);
        bool is_first =
            std::ranges::none_of(base.begin(), base.begin() + std::ptrdiff_t(i),
                                 [&](const auto& each) { return name_of(each) == name; });
        if (!name || !last.contains(*name))
            require(made[at++] == base[i], "an entry stays in its place");
        else if (last[*name] && is_first)
            require(made[at++] == *name + "=" + *last[*name],
                    "a new value takes the old one's place");
    }
}

}  // namespace spawntpl::fuzz
