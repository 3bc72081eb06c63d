// SPDX-License-Identifier: MIT
#include "view.hpp"

#include "group.hpp"
#include "methods.hpp"

#include <algorithm>
#include <iomanip>

namespace spawntpl::bench {

namespace {

constexpr double bar_width = 24;

// Of fewer the 99th percentile is the maximum.
constexpr std::uint64_t least_for_p99 = 100;

// Of what could not be measured for one reason.
constexpr std::size_t most_listed = 3;

/// Of one group.
using Rows = std::vector<const Outcome*>;

double thousands(std::int64_t ticks) {
    return static_cast<double>(ticks) / 1000;
}

std::vector<Rows> in_groups(const Report& report) {
    std::vector<Rows> groups;
    for (const Outcome& outcome : report.outcomes) {
        if (!outcome.ended)
            continue;
        if (groups.empty() || !same_group(*groups.back().front(), outcome))
            groups.emplace_back();
        groups.back().push_back(&outcome);
    }
    return groups;
}

std::string bar(std::int64_t value, std::int64_t largest) {
    double part = static_cast<double>(value) / static_cast<double>(largest);
    // None vanishes.
    return std::string(std::max<std::size_t>(1, static_cast<std::size_t>(part * bar_width)), '#');
}

void print_row(std::ostream& out, const Outcome& outcome, std::int64_t largest) {
    out << "  " << std::left << std::setw(23) << outcome.method << std::right << std::setw(11)
        << thousands(outcome.ended->p50) << std::setw(11);
    if (outcome.count >= least_for_p99)
        out << thousands(outcome.ended->p99);
    else
        out << '-';
    out << std::setw(11) << thousands(outcome.returned->p50);
    auto ratio = outcome.ratios.find(std::string(reference_method));
    if (ratio != outcome.ratios.end())
        out << std::setw(8) << std::setprecision(2) << ratio->second.value << "x"
            << std::setprecision(1);
    else
        out << std::setw(9) << "";
    out << "  " << bar(outcome.ended->p50, largest) << '\n';
}

/// Of what it is a result, for people.
std::string described(const Outcome& outcome) {
    return describe(Group{.question = outcome.question,
                          .program = outcome.program,
                          .parent = outcome.parent,
                          .variant = outcome.variant});
}

void print_group(std::ostream& out, const Rows& group) {
    const Outcome& first = *group.front();
    out << "\n" << described(first) << " (" << first.count << " samples)\n";
    std::int64_t largest = 1;
    for (const Outcome* outcome : group)
        largest = std::max(largest, outcome->ended->p50);
    for (const Outcome* outcome : group)
        print_row(out, *outcome, largest);
}

/// Named as far as a reader looks at it.
std::string listed(const std::vector<std::string>& concerned) {
    std::string text;
    for (std::size_t i = 0; i < std::min(concerned.size(), most_listed); ++i)
        text += (i ? "; " : "") + concerned[i];
    if (concerned.size() > most_listed)
        text += "; and " + std::to_string(concerned.size() - most_listed) + " more";
    return text;
}

/// One line for each method and reason, however much it concerns.
void print_not_measured(std::ostream& out, const Report& report) {
    std::map<std::pair<std::string, std::string>, std::vector<std::string>> lines;
    for (const Outcome& outcome : report.outcomes) {
        if (outcome.ended)
            continue;
        auto& concerned = lines[{outcome.method, outcome.failure}];
        if (std::string what = described(outcome);
            std::ranges::find(concerned, what) == concerned.end())
            concerned.push_back(what);
    }
    if (!lines.empty())
        out << "\nNot measured:\n";
    for (const auto& [line, concerned] : lines)
        out << "  " << line.first << " (" << listed(concerned) << "): " << line.second << '\n';
}

}  // namespace

void print(std::ostream& out, const Report& report) {
    out << "Start, exit and wait of one child, in "
        << (report.unit == Unit::ns ? "microseconds" : "thousand guest instructions")
        << "; ratio of the medians to " << reference_method << ".\n\n  method"
        << "                      median        p99    returns    ratio\n"
        << std::fixed << std::setprecision(1);
    for (const Rows& group : in_groups(report))
        print_group(out, group);
    print_not_measured(out, report);
}

}  // namespace spawntpl::bench
