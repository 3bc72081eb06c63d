// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

namespace spawntpl {

/// How a child ended: it exited with a code, or a signal killed it.
class ExitStatus {
public:
    /// It exited with that code, 0 to 255.
    static constexpr ExitStatus exited(int code) { return {code, false, false}; }

    /// That signal killed it.
    static constexpr ExitStatus killed(int signal, bool core_dumped) {
        return {signal, true, core_dumped};
    }

    /// Whether it exited with code 0.
    constexpr bool success() const { return !killed_ && value_ == 0; }

    /// The exit code, unless a signal killed the child.
    constexpr std::optional<int> code() const {
        return killed_ ? std::nullopt : std::optional(value_);
    }

    /// The signal that killed the child, if one did.
    constexpr std::optional<int> signal() const {
        return killed_ ? std::optional(value_) : std::nullopt;
    }

    /// Whether the signal made a core dump.
    constexpr bool core_dumped() const { return core_dumped_; }

    /// Whether the two ended alike.
    bool operator==(const ExitStatus&) const = default;

private:
    constexpr ExitStatus(int value, bool killed, bool core_dumped)
        : value_(value), killed_(killed), core_dumped_(core_dumped) {}

    int value_;
    bool killed_;
    bool core_dumped_;
};

}  // namespace spawntpl
