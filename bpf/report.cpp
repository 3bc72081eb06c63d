// SPDX-License-Identifier: MIT
#include "report.hpp"

#include "cgroup.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <iomanip>
#include <iostream>
#include <ranges>
#include <sstream>

namespace spawnlat {

namespace {

using Json = nlohmann::ordered_json;

constexpr int version = 1;

constexpr std::array<const char*, GROUPS> group_names{"none",   "method", "command",
                                                      "cgroup", "parent", "backend"};

constexpr std::array<const char*, LOSTS> lost_names{"processes", "calls", "groups", "events"};

/// Which option makes room for them.
constexpr std::array<const char*, LOSTS> lost_remedies{"--max-processes", "--max-processes",
                                                       "--max-groups", "--buffer"};

std::string show(const GroupKey& key, spawnlat_group group_by) {
    switch (group_by) {
    case GROUP_METHOD:
        return method_name(key.id);
    case GROUP_BACKEND:
        return backend_name(key.id);
    case GROUP_CGROUP:
        return cgroup_path(key.id);
    case GROUP_PARENT:
        return std::to_string(key.id) + " " + key.name;
    case GROUP_COMMAND:
        return key.name;
    default:
        return "all";
    }
}

std::string number(std::uint64_t value) {
    std::string digits = std::to_string(value);
    std::string result;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && (digits.size() - i) % 3 == 0)
            result += ',';
        result += digits[i];
    }
    return result;
}

std::string microseconds(std::uint64_t ns) {
    std::string text = number(ns / 1000);
    return ns < 1'000'000 ? text + "." + std::to_string(ns % 1000 / 100) : text;
}

std::string classes(const spawnlat_counts& counts) {
    std::ostringstream out;
    out << number(counts.classes[CLASS_EXEC]) << " exec, " << number(counts.classes[CLASS_CHAIN])
        << " chain of execs, " << number(counts.classes[CLASS_EXEC_FAILED]) << " exec failed, "
        << number(counts.classes[CLASS_NO_EXEC]) << " without exec; " << number(counts.threads)
        << " threads, " << number(counts.failed_calls) << " failed calls";
    return out.str();
}

void print_powers(std::ostream& out, const Histogram& histogram) {
    constexpr std::uint64_t width = 40;
    std::vector<std::uint64_t> powers = histogram.powers();
    std::uint64_t most = std::ranges::max(powers);
    auto first = std::ranges::find_if(powers, [](auto n) { return n != 0; }) - powers.begin();
    out << std::setw(27) << "ns" << std::setw(19) << "count\n";
    for (std::size_t i = first; i < powers.size(); ++i) {
        std::uint64_t begin = i ? std::uint64_t{1} << i : 0;
        out << std::setw(14) << begin << " -> " << std::left << std::setw(14)
            << ((std::uint64_t{2} << i) - 1) << std::right << std::setw(12) << powers[i] << " |"
            << std::left << std::setw(width) << std::string(powers[i] * width / most, '*')
            << std::right << "|\n";
    }
}

void print_group(std::ostream& out, const Group& group, const ReportOptions& options) {
    if (std::ranges::all_of(group.stages, [](const Histogram& h) { return h.count() == 0; }))
        return;
    constexpr auto columns =
        std::to_array<const char*>({"count", "min", "avg", "p50", "p90", "p99", "max"});
    out << "  " << std::left << std::setw(14) << "stage (us)" << std::right;
    for (const char* column : columns)
        out << std::setw(11) << column;
    out << '\n';
    for (unsigned stage = 0; stage < STAGES; ++stage) {
        const Histogram& h = group.stages[stage];
        if (!h.count())
            continue;
        // What is part of another stage is set in.
        bool part = stage > STAGE_CALLER;
        out << (part ? "    " : "  ") << std::left << std::setw(part ? 12 : 14) << stage_name(stage)
            << std::right << std::setw(11) << number(h.count());
        for (std::uint64_t ns :
             {h.min(), h.mean(), h.percentile(0.5), h.percentile(0.9), h.percentile(0.99), h.max()})
            out << std::setw(11) << microseconds(ns);
        out << '\n';
        if (options.histograms)
            print_powers(out, h);
    }
    if (group.counts.faults)
        out << "  " << number(group.counts.faults) << " page faults\n";
    if (group.counts.linker_maps)
        out << "  " << number(group.counts.linker_maps) << " mmap calls before the entry point\n";
}

void print_losses(std::ostream& out, const Snapshot& counted) {
    for (unsigned i = 0; i < LOSTS; ++i)
        if (counted.lost[i])
            out << "lost: " << number(counted.lost[i]) << ' ' << lost_names[i] << " (see "
                << lost_remedies[i] << ")\n";
    if (counted.missed)
        out << "lost: " << number(counted.missed) << " probes that were busy\n";
}

void print_summary_line(std::ostream& out, const Snapshot& counted, Interval when) {
    spawnlat_counts totals = counted.totals();
    out << std::fixed << std::setprecision(1) << when.seconds() << " s: " << classes(totals) << "; "
        << number(counted.running) << " running\n";
    print_losses(out, counted);
}

Json to_json(const Histogram& h) {
    return {{"count", h.count()},
            {"sum_ns", h.sum()},
            {"min_ns", h.min()},
            {"avg_ns", h.mean()},
            {"p50_ns", h.percentile(0.5)},
            {"p90_ns", h.percentile(0.9)},
            {"p99_ns", h.percentile(0.99)},
            {"max_ns", h.max()},
            {"log2", h.powers()}};
}

Json to_json(const spawnlat_counts& counts) {
    Json json;
    for (unsigned i = 0; i < CLASSES; ++i)
        json[class_name(i)] = counts.classes[i];
    json["threads"] = counts.threads;
    json["failed_calls"] = counts.failed_calls;
    json["execs"] = counts.execs;
    json["failed_execs"] = counts.failed_execs;
    json["faults"] = counts.faults;
    json["linker_maps"] = counts.linker_maps;
    return json;
}

}  // namespace

const char* group_name(unsigned group_by) {
    return group_names.at(group_by);
}

void print_text(std::ostream& out, const Snapshot& counted, Interval when,
                const ReportOptions& options) {
    for (const auto& [key, group] : counted.groups) {
        if (options.group_by != GROUP_NONE)
            out << group_name(options.group_by) << ' ' << show(key, options.group_by) << ": "
                << classes(group.counts) << '\n';
        print_group(out, group, options);
        out << '\n';
    }
    print_summary_line(out, counted, when);
    out.flush();
}

void print_top(std::ostream& out, const Snapshot& counted, Interval when,
               const ReportOptions& options) {
    constexpr auto shown =
        std::to_array<unsigned>({STAGE_CREATE, STAGE_WAKEUP, STAGE_EXEC, STAGE_RUN, STAGE_TOTAL});
    constexpr std::size_t rows = 20;
    std::vector<const std::pair<const GroupKey, Group>*> groups;
    for (const auto& entry : counted.groups)
        if (entry.second.ended() || entry.second.counts.threads)
            groups.push_back(&entry);
    std::ranges::stable_sort(groups, std::greater(),
                             [](const auto* entry) { return entry->second.ended(); });

    if (options.clear_screen)
        out << "\033[H\033[J";
    print_summary_line(out, counted, when);
    out << '\n'
        << std::left << std::setw(20) << group_name(options.group_by) << std::right << std::setw(9)
        << "ended/s" << std::setw(8) << "failed";
    for (unsigned stage : shown)
        out << std::setw(9) << stage_name(stage);
    out << "  (p50, us)\n";
    for (const auto* entry : groups | std::views::take(rows)) {
        const Group& group = entry->second;
        double rate = when.seconds() > 0 ? static_cast<double>(group.ended()) / when.seconds() : 0;
        out << std::left << std::setw(20) << show(entry->first, options.group_by).substr(0, 19)
            << std::right << std::setw(9) << std::setprecision(1) << rate << std::setw(8)
            << group.counts.classes[CLASS_EXEC_FAILED];
        for (unsigned stage : shown) {
            const Histogram& h = group.stages[stage];
            out << std::setw(9) << (h.count() ? microseconds(h.percentile(0.5)) : "-");
        }
        out << '\n';
    }
    out.flush();
}

void print_json_start(std::ostream& out, const std::vector<std::string>& missing) {
    out << Json{{"type", "start"}, {"schema", version}, {"not_measured", missing}} << std::endl;
}

void print_json(std::ostream& out, const char* type, const Snapshot& counted, Interval when,
                const ReportOptions& options) {
    Json json;
    json["type"] = type;
    json["start_ns"] = when.start;
    json["end_ns"] = when.end;
    json["group_by"] = group_name(options.group_by);
    json["processes"] = to_json(counted.totals());
    json["running"] = counted.running;
    json["groups"] = Json::array();
    for (const auto& [key, group] : counted.groups) {
        Json stages = Json::object();
        for (unsigned stage = 0; stage < STAGES; ++stage)
            if (group.stages[stage].count())
                stages[stage_name(stage)] = to_json(group.stages[stage]);
        json["groups"].push_back({{"group", show(key, options.group_by)},
                                  {"processes", to_json(group.counts)},
                                  {"stages", std::move(stages)}});
    }
    json["lost"] = Json::object();
    for (unsigned i = 0; i < LOSTS; ++i)
        json["lost"][lost_names[i]] = counted.lost[i];
    json["lost"]["probes"] = counted.missed;
    // A command's name need not be UTF-8.
    out << json.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
}

}  // namespace spawnlat
