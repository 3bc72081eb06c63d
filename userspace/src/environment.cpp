// SPDX-License-Identifier: MIT
#include "environment_block.hpp"

#include <spawntpl/environment.hpp>

#include <algorithm>

#include <unistd.h>

namespace spawntpl {

namespace {

auto has_name(std::string_view name) {
    return [name](std::string_view entry) { return detail::entry_has_name(entry, name); };
}

std::string make_entry(std::string_view name, std::string_view value) {
    std::string entry(name);
    entry += '=';
    entry += value;
    return entry;
}

}  // namespace

Environment Environment::current() {
    Environment result;
    for (char** entry = environ; entry && *entry; ++entry)
        result.entries_.emplace_back(*entry);
    return result;
}

Environment& Environment::set(std::string_view name, std::string_view value) {
    auto first = std::ranges::find_if(entries_, has_name(name));
    if (first == entries_.end()) {
        entries_.push_back(make_entry(name, value));
        return *this;
    }
    *first = make_entry(name, value);
    entries_.erase(std::remove_if(first + 1, entries_.end(), has_name(name)), entries_.end());
    return *this;
}

Environment& Environment::unset(std::string_view name) {
    std::erase_if(entries_, has_name(name));
    return *this;
}

std::optional<std::string_view> Environment::get(std::string_view name) const {
    auto entry = std::ranges::find_if(entries_, has_name(name));
    if (entry == entries_.end())
        return std::nullopt;
    return std::string_view(*entry).substr(name.size() + 1);
}

}  // namespace spawntpl
