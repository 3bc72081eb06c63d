// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/export.hpp>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace spawntpl {

/// An environment: entries like "NAME=value", in an order that the child sees. A plain value.
class SPAWNTPL_API Environment {
public:
    /// Without any entry.
    Environment() = default;

    /// Entries are passed on as they are, repeated and malformed ones too.
    Environment(std::vector<std::string> entries) : entries_(std::move(entries)) {}

    /// The same for entries in braces.
    Environment(std::initializer_list<std::string> entries) : entries_(entries) {}

    /// A copy of the caller's, as it is now. No other thread may change it at that moment.
    static Environment current();

    /// Replaces the entries of that name by one, or appends one.
    Environment& set(std::string_view name, std::string_view value);

    /// Removes the entries of that name.
    Environment& unset(std::string_view name);

    /// The value of the first entry of that name.
    std::optional<std::string_view> get(std::string_view name) const;

    /// All entries, in their order.
    const std::vector<std::string>& entries() const { return entries_; }

    /// Whether the entries are the same, in the same order.
    bool operator==(const Environment&) const = default;

private:
    std::vector<std::string> entries_;
};

}  // namespace spawntpl
