// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <initializer_list>

namespace spawntpl {

/// A set of the signals 1 to 64, but for 32 and 33, which the C library keeps to itself.
class SignalSet {
public:
    constexpr SignalSet() = default;

    /// These signals.
    constexpr SignalSet(std::initializer_list<int> signals) {
        for (int signal : signals)
            add(signal);
    }

    /// Every signal.
    static constexpr SignalSet all() {
        SignalSet set;
        for (int signal = 1; signal <= 64; ++signal)
            set.add(signal);
        return set;
    }

    /// Any other number changes nothing.
    constexpr SignalSet& add(int signal) {
        bits_ |= bit(signal);
        return *this;
    }

    /// Any other number changes nothing.
    constexpr SignalSet& remove(int signal) {
        bits_ &= ~bit(signal);
        return *this;
    }

    /// Whether the signal is in the set.
    constexpr bool contains(int signal) const { return (bits_ & bit(signal)) != 0; }

    /// Signal n is bit n - 1.
    constexpr std::uint64_t bits() const { return bits_; }

    /// Whether they have the same signals.
    bool operator==(const SignalSet&) const = default;

private:
    static constexpr std::uint64_t bit(int signal) {
        bool valid = signal >= 1 && signal <= 64 && signal != 32 && signal != 33;
        return valid ? std::uint64_t{1} << (signal - 1) : 0;
    }

    std::uint64_t bits_ = 0;
};

}  // namespace spawntpl
