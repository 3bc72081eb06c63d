// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <expected>
#include <string>

namespace spawntpl::bench {

/// What one tick of the clock is.
enum class Unit { ns, instructions };

std::string to_string(Unit unit);

/// Ticks since some moment. Where a virtual machine counts instructions, one nanosecond of its
/// clocks is one instruction of the guest.
std::int64_t now();

struct Calibration {
    std::int64_t instructions;  ///< that were executed
    std::int64_t ticks;         ///< that passed meanwhile
};

/// Times a loop of a known number of instructions.
Calibration calibrate();

/// Why the clock does not count what @p unit says, if so.
std::expected<void, std::string> check(Unit unit, const Calibration& calibration);

}  // namespace spawntpl::bench
