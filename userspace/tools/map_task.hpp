// SPDX-License-Identifier: MIT
#pragma once

#include "map_output.hpp"

#include <spawntpl/job.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace spawntpl::tools {

/// One line of the input, and what became of it so far.
struct Task {
    std::uint64_t number = 0;
    std::vector<std::string> args{};
    unsigned attempts = 0;
    unsigned start_retries = 0;
    bool started = false;
    KeptOutput out{};
    KeptOutput err{};
    int output_error = 0;

    /// Takes what the job writes to its standard output or error.
    void keep(int target, std::string_view bytes);
};

bool succeeded(const Task& task, const JobResult& result);

bool ended_by_signal(const JobResult& result);

/// How it ended, as a line of JSON.
std::string json_line(const Task& task, const JobResult& result);

}  // namespace spawntpl::tools
