// SPDX-License-Identifier: MIT
#include "clock.hpp"

#include "idle_time.hpp"

#include <algorithm>
#include <cmath>

#include <time.h>

namespace spawntpl::bench {

namespace {

constexpr std::int64_t loop_rounds = 1'000'000;
constexpr std::int64_t loop_instructions = 2 * loop_rounds;
constexpr double tolerance = 0.02;

std::int64_t time_loop() {
    std::int64_t rounds = loop_rounds;
    std::int64_t start = now();
    asm volatile(
        "1: dec %0\n"
        "   jnz 1b"
        : "+r"(rounds)
        :
        : "cc");
    return now() - start;
}

}  // namespace

std::string to_string(Unit unit) {
    return unit == Unit::ns ? "ns" : "instructions";
}

std::int64_t now() {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

Calibration calibrate() {
    // The fastest of several: an interrupt only ever adds.
    std::int64_t ticks = time_loop();
    for (int i = 0; i < 4; ++i)
        ticks = std::min(ticks, time_loop());
    return {loop_instructions, ticks};
}

std::expected<void, std::string> check(Unit unit, const Calibration& calibration) {
    if (unit == Unit::ns)
        return {};
    double ratio =
        static_cast<double>(calibration.ticks) / static_cast<double>(calibration.instructions);
    if (std::abs(ratio - 1) <= tolerance)
        return tell_idle_time();
    return std::unexpected("the clock here does not count instructions: it advanced by " +
                           std::to_string(calibration.ticks) + " ns during " +
                           std::to_string(calibration.instructions) + " instructions");
}

}  // namespace spawntpl::bench
