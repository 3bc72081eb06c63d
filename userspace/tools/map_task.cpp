// SPDX-License-Identifier: MIT
#include "map_task.hpp"

#include <nlohmann/json.hpp>

#include <chrono>

#include <unistd.h>

namespace spawntpl::tools {

namespace {

double seconds(auto duration) {
    return std::chrono::duration<double>(duration).count();
}

std::string_view to_string(JobEnd end) {
    switch (end) {
    case JobEnd::ended:
        return "ended";
    case JobEnd::timed_out:
        return "timed_out";
    case JobEnd::cancelled:
        return "cancelled";
    case JobEnd::not_started:
        return "not_started";
    }
    return "unknown";
}

}  // namespace

void Task::keep(int target, std::string_view bytes) {
    KeptOutput& output = target == STDOUT_FILENO ? out : err;
    if (output_error == 0)
        output_error = output.append(bytes);
}

bool succeeded(const Task& task, const JobResult& result) {
    return result.status && result.status->success() && result.end == JobEnd::ended &&
           task.output_error == 0;
}

bool ended_by_signal(const JobResult& result) {
    return result.status ? result.status->signal().has_value()
                         : result.status.error().code == std::errc::interrupted;
}

std::string json_line(const Task& task, const JobResult& result) {
    nlohmann::ordered_json line;
    line["job"] = task.number;
    line["args"] = task.args;
    line["end"] = to_string(result.end);
    auto code = result.status ? result.status->code() : std::nullopt;
    auto signal = result.status ? result.status->signal() : std::nullopt;
    line["exit"] = code ? nlohmann::ordered_json(*code) : nullptr;
    line["signal"] = signal ? nlohmann::ordered_json(*signal) : nullptr;
    line["duration"] = seconds(result.duration);
    if (result.usage) {
        line["user"] = seconds(result.usage->user_time);
        line["system"] = seconds(result.usage->system_time);
        line["max_rss"] = result.usage->max_rss;
    }
    if (result.pid > 0)
        line["backend"] = result.backend;
    if (!result.why_not_warm.empty())
        line["why_not_warm"] = result.why_not_warm;
    line["attempts"] = task.attempts;
    line["start_retries"] = task.start_retries;
    if (!result.status)
        line["error"] = result.status.error().message();
    // Arguments are any bytes, JSON is not.
    return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace spawntpl::tools
