// SPDX-License-Identifier: MIT
#include "report.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iomanip>
#include <map>
#include <system_error>

namespace spawntpl::bench {

namespace {

using json = nlohmann::ordered_json;

json parent_json(const Outcome& outcome) {
    return {{"fds", outcome.parent.fds},
            {"rss_mib", outcome.parent.rss_mib},
            {"env", outcome.parent.env},
            {"threads", outcome.parent.threads},
            {"extra_mappings", outcome.parent.mappings},
            {"mappings", outcome.mappings}};
}

json outcome_json(const Outcome& outcome, Unit unit) {
    json entry{{"question", outcome.question},
               {"program", outcome.program},
               {"method", outcome.method},
               {"backend", outcome.backend.empty() ? json() : json(outcome.backend)},
               {"parent", parent_json(outcome)}};
    if (!outcome.ended) {
        entry["unavailable"] = outcome.unavailable;
        entry["reason"] = outcome.failure;
        return entry;
    }
    entry["unit"] = to_string(unit);
    entry["n"] = outcome.count;
    entry["min"] = outcome.ended->min;
    entry["p50"] = outcome.ended->p50;
    entry["p90"] = outcome.ended->p90;
    entry["p99"] = outcome.ended->p99;
    entry["mean"] = outcome.ended->mean;
    entry["return_min"] = outcome.returned->min;
    entry["return_p50"] = outcome.returned->p50;
    entry["return_p90"] = outcome.returned->p90;
    entry["return_p99"] = outcome.returned->p99;
    entry["return_mean"] = outcome.returned->mean;
    return entry;
}

bool same_row_group(const Outcome& a, const Outcome& b) {
    return a.question == b.question && a.program == b.program && a.parent == b.parent;
}

/// What the ratio of an outcome refers to, if it was measured.
const Outcome* reference(const Report& report, const Outcome& outcome) {
    auto found = std::ranges::find_if(report.outcomes, [&](const Outcome& other) {
        return other.method == reference_method && same_row_group(other, outcome) && other.ended;
    });
    return found == report.outcomes.end() ? nullptr : &*found;
}

double thousands(std::int64_t ticks) {
    return static_cast<double>(ticks) / 1000;
}

void print_row(std::ostream& out, const Report& report, const Outcome& outcome) {
    out << std::left << std::setw(13) << outcome.program << std::right << std::setw(7)
        << outcome.parent.fds << std::setw(9) << outcome.parent.rss_mib << std::setw(6)
        << outcome.parent.env << std::setw(6) << outcome.parent.mappings << std::setw(9)
        << outcome.parent.threads << "  " << std::left << std::setw(18) << outcome.method
        << std::right << std::setw(11) << thousands(outcome.ended->p50) << std::setw(11)
        << thousands(outcome.ended->p99) << std::setw(11) << thousands(outcome.returned->p50);
    if (const Outcome* base = reference(report, outcome))
        out << std::setw(8) << std::setprecision(2)
            << static_cast<double>(outcome.ended->p50) / static_cast<double>(base->ended->p50)
            << "x" << std::setprecision(1);
    out << '\n';
}

/// One line for each method and reason, however many programs it concerns.
void print_not_measured(std::ostream& out, const Report& report) {
    std::map<std::pair<std::string, std::string>, std::vector<std::string>> lines;
    for (const Outcome& outcome : report.outcomes) {
        if (outcome.ended)
            continue;
        auto& concerned = lines[{outcome.method, outcome.failure}];
        if (std::ranges::find(concerned, outcome.program) == concerned.end())
            concerned.push_back(outcome.program);
    }
    if (!lines.empty())
        out << "\nNot measured:\n";
    for (const auto& [line, concerned] : lines) {
        out << "  " << line.first << " (";
        for (const std::string& program : concerned)
            out << (&program == &concerned.front() ? "" : ", ") << program;
        out << "): " << line.second << '\n';
    }
}

}  // namespace

json to_json(const Report& report) {
    json root{{"schema", 1},
              {"environment", report.environment},
              {"results", json::array()},
              {"not_measured", json::array()}};
    for (const Outcome& outcome : report.outcomes)
        root[outcome.ended ? "results" : "not_measured"].push_back(
            outcome_json(outcome, report.unit));
    return root;
}

void print(std::ostream& out, const Report& report) {
    out << "Start, exit and wait of one child, in "
        << (report.unit == Unit::ns ? "microseconds" : "thousand guest instructions")
        << "; ratio of the medians to " << reference_method << ".\n\n"
        << "program          fds  RSS MiB   env  maps  threads  method                 median"
           "        p99    returns   ratio\n"
        << std::fixed << std::setprecision(1);
    const Outcome* last = nullptr;
    for (const Outcome& outcome : report.outcomes) {
        if (!outcome.ended)
            continue;
        if (!last || !same_row_group(*last, outcome))
            out << '\n';
        print_row(out, report, outcome);
        last = &outcome;
    }
    print_not_measured(out, report);
}

std::expected<void, std::string> write_json(const std::string& path, const json& root) {
    std::ofstream file(path);
    file << root.dump(2) << '\n';
    file.close();
    if (!file)
        return std::unexpected("cannot write '" + path +
                               "': " + std::generic_category().message(errno));
    return {};
}

}  // namespace spawntpl::bench
