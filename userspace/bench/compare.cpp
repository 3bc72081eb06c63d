// SPDX-License-Identifier: MIT
#include "compare.hpp"

#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iomanip>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace spawntpl::bench {

namespace {

using json = nlohmann::ordered_json;

// Smaller differences are nobody's concern, however certain they are.
constexpr double least_difference = 0.01;

// A busier machine: half a CPU.
constexpr double other_load = 0.5;

// A faster CPU, or one that its host slows down.
constexpr double other_speed = 1.1;

/// What of a row says what was to be measured. Mappings are counted, not chosen.
std::string place(const json& row) {
    json parent = row.at("parent");
    parent.erase("mappings");
    std::string text = parent.dump();
    for (const char* name : {"question", "program", "variant", "method"})
        text += " " + row.value(name, json()).dump();
    return text;
}

/// And how.
std::string key(const json& row) {
    std::string text = place(row);
    for (const char* name : {"unit", "pinned", "starts"})
        text += " " + row.value(name, json()).dump();
    return text;
}

struct Change {
    const json& row;
    double factor;  ///< new to old
};

/// Without one, chance cannot be told from a change.
bool has_interval(const json& row) {
    return row["p50_low"].is_number() && row["p50_high"].is_number();
}

std::string what(const json& row) {
    const json& parent = row.at("parent");
    std::string text = row.at("question").get<std::string>() + ": " +
                       row.at("program").get<std::string>() + " by " +
                       row.at("method").get<std::string>();
    if (row.contains("variant") && row.at("variant").is_string())
        text += ", " + row.at("variant").get<std::string>();
    for (auto [name, unit] : {std::pair("fds", "descriptors"),
                              {"rss_mib", "MiB"},
                              {"env", "variables"},
                              {"extra_mappings", "mappings"},
                              {"threads", "threads"}})
        text += ", " + parent.at(name).dump() + " " + unit;
    return text;
}

void print(std::ostream& out, const std::string& title, const std::vector<Change>& changes) {
    if (!changes.empty())
        out << title << ":\n";
    for (const Change& change : changes)
        out << "  " << std::fixed << std::setprecision(2) << std::setw(6) << change.factor << "x  "
            << what(change.row) << '\n';
}

using Rows = std::map<std::string, const json*>;

Rows rows_by(std::string (*name)(const json& row), const json& rows) {
    Rows map;
    for (const json& row : rows)
        map[name(row)] = &row;
    return map;
}

/// Of the questions that were asked again, what has no result now; returns how much of it fails.
std::size_t say_missing(std::ostream& out, const json& old_rows, const json& new_results) {
    Rows measured = rows_by(key, new_results.at("results"));
    Rows fails = rows_by(place, new_results.at("not_measured"));
    std::set<json> asked;
    for (const char* list : {"results", "not_measured"})
        for (const json& row : new_results.at(list))
            asked.insert(row.at("question"));
    std::size_t failures = 0;
    std::vector<const json*> others;
    for (const json& row : old_rows) {
        if (measured.contains(key(row)) || !asked.contains(row.at("question")))
            continue;
        auto failure = fails.find(place(row));
        if (failure == fails.end()) {
            others.push_back(&row);
            continue;
        }
        out << (failures++ == 0 ? "Fails now:\n" : "") << "  " << what(row) << ": "
            << failure->second->at("reason").get<std::string>() << '\n';
    }
    if (!others.empty())
        out << "In the old result only:\n";
    for (const json* row : others)
        out << "  " << what(*row) << '\n';
    return failures;
}

/// The first figure of /proc/loadavg, or null.
json load(const json& environment) {
    json text = environment.value("load", json());
    return text.is_string() ? json(std::strtod(text.get<std::string>().c_str(), nullptr)) : json();
}

/// Of the same loop, in the same unit, or nothing.
void say_other_speed(std::ostream& out, const json& before, const json& now) {
    const json none;
    const json old_loop = before.value("calibration", none);
    const json new_loop = now.value("calibration", none);
    if (!old_loop.is_object() || !new_loop.is_object() ||
        old_loop.value("instructions", none) != new_loop.value("instructions", none))
        return;
    double old_ticks = old_loop.value("ticks", 0.0);
    double new_ticks = new_loop.value("ticks", 0.0);
    if (old_ticks <= 0 || new_ticks <= 0 ||
        std::max(old_ticks / new_ticks, new_ticks / old_ticks) <= other_speed)
        return;
    out << "Another speed of the CPU: " << new_loop.at("instructions") << " instructions took "
        << std::llround(old_ticks / 1000) << ", now " << std::llround(new_ticks / 1000) << " us.\n";
}

void say_other_conditions(std::ostream& out, const json& before, const json& now) {
    for (const char* name : {"kernel", "series", "cpu", "cpus", "pinned_to", "accel", "governor",
                             "huge_pages", "libc", "compiler"})
        if (before.value(name, json()) != now.value(name, json()))
            out << "Another " << name << ": " << before.value(name, json()).dump() << ", now "
                << now.value(name, json()).dump() << ".\n";
    json loads[]{load(before), load(now)};
    if (loads[0].is_number() && loads[1].is_number() &&
        std::abs(loads[0].get<double>() - loads[1].get<double>()) > other_load)
        out << "Another load: " << loads[0] << ", now " << loads[1] << ".\n";
    if (before.value("clock", json()) == now.value("clock", json()))
        say_other_speed(out, before, now);
}

}  // namespace

Comparison compare(std::ostream& out, const json& old_results, const json& new_results) {
    Rows before = rows_by(key, old_results.at("results"));
    std::vector<Change> slower;
    std::vector<Change> faster;
    std::size_t compared = 0;
    std::size_t undecided = 0;
    for (const json& row : new_results.at("results")) {
        auto found = before.find(key(row));
        if (found == before.end())
            continue;
        ++compared;
        const json& old = *found->second;
        if (!has_interval(row) || !has_interval(old)) {
            ++undecided;
            continue;
        }
        double factor = row.at("p50").get<double>() / old.at("p50").get<double>();
        if (row["p50_low"] > old["p50_high"] && factor >= 1 + least_difference)
            slower.push_back({row, factor});
        if (row["p50_high"] < old["p50_low"] && factor <= 1 - least_difference)
            faster.push_back({row, factor});
    }
    out << "\nCompared with the old result: " << compared << " of "
        << new_results.at("results").size() << " are in both; " << slower.size() << " slower, "
        << faster.size() << " faster, " << undecided << " of too few samples to tell (fewer than "
        << least_turns << "), the others the same.\n";
    say_other_conditions(out, old_results.at("environment"), new_results.at("environment"));
    print(out, "Slower", slower);
    print(out, "Faster", faster);
    return {slower.size(), say_missing(out, old_results.at("results"), new_results)};
}

}  // namespace spawntpl::bench
