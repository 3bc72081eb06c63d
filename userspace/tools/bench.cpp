// SPDX-License-Identifier: MIT
#include "benchmark.hpp"
#include "commands.hpp"
#include "environment.hpp"
#include "programs.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>

namespace spawntpl::tools {

namespace {

// Instruction counts hardly vary, and a virtual machine that counts is slow.
constexpr std::uint64_t ordinary_count(bench::Unit unit, bool quick) {
    if (unit == bench::Unit::instructions)
        return quick ? 5 : 10;
    return quick ? 20 : 200;
}

struct BenchOptions {
    bench::Selection selection{};
    std::string unit = to_string(bench::Unit::ns);
    bool quick = false;
    std::string json;
};

int complain(const std::string& text) {
    std::cerr << "spawntpl bench: " << text << '\n';
    return 1;
}

/// What was asked for by name must be there; of the ordinary selection, what works here.
bool is_failure(const bench::Outcome& outcome, const bench::Selection& selection) {
    return !outcome.ended && !(outcome.unavailable && selection.methods.empty());
}

int bench(BenchOptions options) {
    bench::Unit unit =
        options.unit == to_string(bench::Unit::ns) ? bench::Unit::ns : bench::Unit::instructions;
    bench::Calibration calibration = bench::calibrate();
    if (auto checked = bench::check(unit, calibration); !checked)
        return complain(checked.error());
    // Before minutes are spent on what could not be kept.
    if (!options.json.empty())
        if (auto written = bench::write_json(options.json, nullptr); !written)
            return complain(written.error());
    if (options.selection.count == 0)
        options.selection.count = ordinary_count(unit, options.quick);

    bench::Report report{unit, bench::environment(unit, calibration),
                         bench::run(options.selection, std::cerr)};
    bench::print(std::cout, report);
    if (!options.json.empty())
        if (auto written = bench::write_json(options.json, bench::to_json(report)); !written)
            return complain(written.error());
    auto failures = std::ranges::count_if(report.outcomes, [&](const bench::Outcome& outcome) {
        return is_failure(outcome, options.selection);
    });
    return failures == 0 ? 0
                         : complain(std::to_string(failures) + " of " +
                                    std::to_string(report.outcomes.size()) +
                                    " combinations could not be measured");
}

template <typename Table>
CLI::Validator one_of(const Table& table) {
    std::vector<std::string> names;
    for (const auto& entry : table)
        names.emplace_back(entry.name);
    return CLI::IsMember(names);
}

}  // namespace

void add_bench(CLI::App& app, int& exit_status) {
    CLI::App* command = app.add_subcommand(
        "bench",
        "Measure ways of starting programs side by side: start, exit and wait of one child at a "
        "time. Methods, programs and what makes up the parent may be given several times.");
    auto options = std::make_shared<BenchOptions>();
    bench::Selection& selection = options->selection;
    // One value each time, so that a forgotten one is noticed.
    auto each = [&](std::string name, auto& values, std::string help) {
        return command->add_option(std::move(name), values, std::move(help))
            ->expected(1)
            ->take_all();
    };
    each("--method", selection.methods, "How to start it")->check(one_of(bench::methods()));
    each("--program", selection.programs, "What to start")->check(one_of(bench::programs()));
    for (std::size_t i = 0; i < selection.properties.size(); ++i) {
        const bench::ParentProperty& property = bench::parent_properties()[i];
        each(std::string(property.option), selection.properties[i], std::string(property.help))
            ->check(CLI::Range(property.min, property.max));
    }
    command->add_option("--n", selection.count, "Samples of each combination")
        ->check(CLI::Range(1, 1'000'000));
    command->add_flag("--quick", options->quick, "Few samples, for a first look");
    command
        ->add_option("--unit", options->unit,
                     "What the clock counts; instructions: in a virtual machine that counts them")
        ->check(CLI::IsMember({to_string(bench::Unit::ns), to_string(bench::Unit::instructions)}));
    command->add_option("--json", options->json, "Write the results to this file");
    command->callback([options, &exit_status] { exit_status = bench(*options); });
}

}  // namespace spawntpl::tools
