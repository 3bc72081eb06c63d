// SPDX-License-Identifier: MIT
#pragma once

#include "map_command.hpp"
#include "map_input.hpp"
#include "program_status.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace spawntpl::tools {

/// What to do about the other jobs when one has failed.
enum class Halt { never, soon, now };

struct MapOptions {
    std::string backend{};
    bool warm = false;
    std::size_t jobs = 1;
    bool keep_order = false;
    bool ungroup = false;
    bool json = false;
    bool progress = true;
    std::optional<std::chrono::milliseconds> time_limit{};
    std::chrono::milliseconds stop_time{5000};  ///< from SIGTERM to SIGKILL
    unsigned retries = 0;
    Halt halt = Halt::never;
};

// Exit statuses besides those of program_status.hpp; xargs(1) has the first, too.
inline constexpr int some_job_failed = 123;
inline constexpr int halted = 124;

/// Runs a command for all of the input. Returns the exit status, or ends this process by the signal
/// that interrupted it.
int run_map(const MapOptions& options, const MapCommand& command, MapInput& input);

}  // namespace spawntpl::tools
