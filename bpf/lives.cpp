// SPDX-License-Identifier: MIT
#include "lives.hpp"

#include "statistics.hpp"

#include <nlohmann/json.hpp>

#include <iomanip>
#include <utility>

namespace spawnlat {

namespace {

using Json = nlohmann::ordered_json;

// What a process calls itself need not be UTF-8.
std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json interval(const spawnlat_event& event) {
    return {{"stage", stage_name(event.stage)}, {"start_ns", event.start}, {"ns", event.duration}};
}

Json intervals(const Life& life, bool (*belongs)(unsigned)) {
    Json result = Json::array();
    for (const spawnlat_event& event : life.stages)
        if (belongs(event.stage))
            result.push_back(interval(event));
    return result;
}

bool is_stage(unsigned stage) {
    return stage < STAGE_PARTS;
}

bool is_part(unsigned stage) {
    return stage > STAGE_CALLER;
}

double microseconds(std::uint64_t ns) {
    return static_cast<double>(ns) / 1000;
}

}  // namespace

void JsonLives::write(const Life& life) {
    const spawnlat_event& process = life.process;
    Json json;
    json["type"] = "process";
    json["pid"] = process.pid;
    json["command"] = process.name;
    json["parent"] = process.parent;
    json["parent_command"] = process.parent_name;
    json["cgroup"] = process.cgroup;
    json["method"] = method_name(process.method);
    json["class"] = life.outcome;
    json["execs"] = process.execs;
    json["failed_execs"] = process.failed_execs;
    json["errno"] = -process.error;
    if (process.failed_step >= 0)
        json["template_step"] = process.failed_step;
    json["start_ns"] = process.start;
    json["total_ns"] = process.duration;
    json["stages"] = intervals(life, is_stage);
    json["parts"] = intervals(life, is_part);
    for (const spawnlat_event& event : life.stages)
        if (event.stage == STAGE_CALLER)
            json["caller_ns"] = event.duration;
    out_ << dump(json) << '\n';
}

void TextLives::write(const Life& life) {
    auto column = [&](int width) -> std::ostream& { return out_ << std::setw(width); };
    if (!std::exchange(begun_, true)) {
        column(8) << "PID";
        column(8) << "PARENT";
        out_ << "  " << std::left << std::setw(16) << "METHOD" << std::setw(12) << "CLASS"
             << std::right;
        for (unsigned stage = 0; stage <= STAGE_TOTAL; ++stage)
            column(12) << stage_name(stage);
        out_ << "  COMMAND (times in us)\n";
    }
    std::array<std::uint64_t, STAGES> spent{};
    for (const spawnlat_event& event : life.stages)
        spent.at(event.stage) += event.duration;
    spent[STAGE_TOTAL] = life.process.duration;
    column(8) << life.process.pid;
    column(8) << life.process.parent;
    out_ << "  " << std::left << std::setw(16) << method_name(life.process.method) << std::setw(12)
         << life.outcome << std::right << std::fixed << std::setprecision(1);
    for (unsigned stage = 0; stage <= STAGE_TOTAL; ++stage)
        column(12) << microseconds(spent[stage]);
    out_ << "  " << life.process.name << '\n';
}

TraceFile::TraceFile(const std::string& path) : path_(path), file_(path) {
    file_ << R"({"displayTimeUnit":"ns","traceEvents":[)";
}

std::string TraceFile::end() {
    file_ << "\n]}\n" << std::flush;
    return file_ ? "" : path_;
}

void TraceFile::add(const std::string& event) {
    file_ << (std::exchange(begun_, true) ? ",\n" : "\n") << event;
}

void TraceFile::write(const Life& life) {
    const spawnlat_event& process = life.process;
    auto name_row = [&](const char* what, const std::string& name) {
        add(dump({{"ph", "M"},
                  {"name", what},
                  {"pid", process.parent},
                  {"tid", process.pid},
                  {"args", {{"name", name}}}}));
    };
    name_row("process_name", "started by " + std::string(process.parent_name));
    name_row("thread_name", process.name);
    for (const spawnlat_event& event : life.stages) {
        // Its row is that of the process that waits; the others nest by their times.
        if (event.stage == STAGE_FAULTS)
            continue;
        bool caller = event.stage == STAGE_CALLER;
        add(dump({{"ph", "X"},
                  {"cat", caller                 ? "caller"
                          : is_part(event.stage) ? "part"
                                                 : "stage"},
                  {"name", stage_name(event.stage)},
                  {"pid", process.parent},
                  {"tid", caller ? process.parent : process.pid},
                  {"ts", microseconds(event.start)},
                  {"dur", microseconds(event.duration)},
                  {"args",
                   {{"pid", process.pid},
                    {"method", method_name(process.method)},
                    {"class", life.outcome}}}}));
    }
}

void Lives::write(const Life& life) {
    for (auto& sink : sinks_)
        sink->write(life);
}

void Lives::take(const spawnlat_event& event) {
    Life& life = lives_[event.pid];
    life.process = event;
    if (event.kind == EVENT_STAGE) {
        life.stages.push_back(event);
        return;
    }
    life.outcome = class_name(event.class_);
    if (event.shown)
        write(life);
    lives_.erase(event.pid);
}

std::string Lives::end() {
    for (auto& [pid, life] : lives_) {
        if (!life.process.shown)
            continue;
        life.outcome = life.process.exited ? class_name(life.process.class_) : "running";
        life.process.start = life.stages.front().start;
        life.process.duration = 0;
        for (const spawnlat_event& event : life.stages)
            life.process.duration += is_stage(event.stage) ? event.duration : 0;
        write(life);
    }
    lives_.clear();
    std::string failed;
    for (auto& sink : sinks_)
        failed += sink->end();
    return failed;
}

}  // namespace spawnlat
