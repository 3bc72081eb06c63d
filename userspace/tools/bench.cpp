// SPDX-License-Identifier: MIT
#include "benchmark.hpp"
#include "commands.hpp"
#include "compare.hpp"
#include "environment.hpp"
#include "interruption.hpp"
#include "methods.hpp"
#include "programs.hpp"
#include "questions.hpp"
#include "report.hpp"
#include "result_file.hpp"
#include "stages.hpp"
#include "view.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <exception>
#include <iostream>
#include <optional>

#include <signal.h>
#include <unistd.h>

namespace spawntpl::tools {

namespace {

struct BenchOptions {
    bench::Selection selection{};
    std::string unit = to_string(bench::Unit::ns);
    bool pin = false;
    bool stages = false;
    std::string json;
    std::string compare;
};

// How the subcommand ends, beside 0, and 125 for a wrong command line.
constexpr int not_all_measured = 1;
constexpr int slower_than_before = 2;

int complain(const std::string& text, int status = not_all_measured) {
    std::cerr << "spawntpl bench: " << text << '\n';
    return status;
}

/// What was asked for by name must be there; of the ordinary selection, what works here.
bool is_failure(const bench::Outcome& outcome, const bench::Selection& selection) {
    return !outcome.ended && !(outcome.unavailable && selection.methods.empty());
}

int say_failures(const bench::Report& report, const bench::Selection& selection) {
    auto failures = std::ranges::count_if(report.outcomes, [&](const bench::Outcome& outcome) {
        return is_failure(outcome, selection);
    });
    if (failures != 0)
        return complain(std::to_string(failures) + " of " + std::to_string(report.outcomes.size()) +
                        " combinations could not be measured");
    auto is_measured = [](const bench::Outcome& outcome) { return outcome.ended.has_value(); };
    if (std::ranges::none_of(report.outcomes, is_measured))
        return complain("nothing could be measured");
    return 0;
}

int say_changes(const nlohmann::ordered_json& old, const nlohmann::ordered_json& json) {
    bench::Comparison comparison = bench::compare(std::cout, old, json);
    if (comparison.fail_now != 0)
        return complain(std::to_string(comparison.fail_now) + " could be measured before");
    if (comparison.slower != 0)
        return complain(std::to_string(comparison.slower) + " have become slower",
                        slower_than_before);
    return 0;
}

/// Throws what the parser does: nothing that was asked for is left out silently.
void check_options(const BenchOptions& options) {
    const bench::Selection& selection = options.selection;
    if (auto checked = bench::check(selection); !checked)
        throw CLI::ValidationError(checked.error());
    if (!options.stages)
        return;
    auto refuse = [](const std::string& option) {
        throw CLI::ValidationError("--stages takes no " + option);
    };
    if (!selection.questions.empty())
        refuse("question: " + selection.questions.front());
    for (std::size_t i = 0; i < selection.properties.size(); ++i)
        if (!selection.properties[i].empty())
            refuse(std::string(bench::parent_properties()[i].option));
    if (!options.compare.empty())
        refuse("--compare");
    if (options.unit != to_string(bench::Unit::ns))
        refuse("--unit " + options.unit);
}

/// What is named twice is measured once.
template <typename Value>
void drop_repeated(std::vector<Value>& values) {
    std::vector<Value> once;
    for (Value& value : values)
        if (std::ranges::find(once, value) == once.end())
            once.push_back(std::move(value));
    values = std::move(once);
}

int stages(const BenchOptions& options, const nlohmann::ordered_json& environment,
           bench::Progress& progress, std::optional<bench::ResultFile>& file) {
    auto stages = bench::measure_stages(options.selection, progress);
    if (!stages)
        return complain("cannot measure stages: " + stages.error());
    bench::print_stages(std::cout, *stages);
    nlohmann::ordered_json json = bench::to_json({bench::Unit::ns, environment, {}});
    json["stages"] = std::move(*stages);
    if (file)
        if (auto written = file->write(json); !written)
            return complain(written.error());
    return 0;
}

int measure(const BenchOptions& options) {
    const bench::Selection& selection = options.selection;
    bench::Calibration calibration = bench::calibrate();
    if (auto checked = bench::check(selection.unit, calibration); !checked)
        return complain(checked.error());
    std::optional<nlohmann::ordered_json> old;
    if (!options.compare.empty()) {
        auto read = bench::read_result(options.compare);
        if (!read)
            return complain(read.error());
        old = std::move(*read);
    }
    std::optional<bench::ResultFile> file;
    if (!options.json.empty()) {
        auto opened = bench::ResultFile::open(options.json);
        if (!opened)
            return complain(opened.error());
        file.emplace(std::move(*opened));
    }
    std::optional<int> pinned_to;
    if (options.pin) {
        auto cpu = bench::pin_to_one_cpu();
        if (!cpu)
            return complain(cpu.error());
        pinned_to = *cpu;
    }

    bench::Progress progress(std::cerr, isatty(STDERR_FILENO));
    auto environment = bench::environment(selection.unit, calibration, pinned_to);
    if (options.stages)
        return stages(options, environment, progress, file);
    bench::Report report{selection.unit, environment, bench::run(selection, progress)};
    bench::print(std::cout, report);
    nlohmann::ordered_json json = bench::to_json(report);
    if (file)
        if (auto written = file->write(json); !written)
            return complain(written.error());
    int status = say_failures(report, selection);
    int change = old ? say_changes(*old, json) : 0;
    return status != 0 ? status : change;
}

int bench(BenchOptions options) {
    check_options(options);
    // What others left open would be part of each parent.
    close_range(STDERR_FILENO + 1, ~0U, 0);
    bench::Selection& selection = options.selection;
    selection.unit =
        options.unit == to_string(bench::Unit::ns) ? bench::Unit::ns : bench::Unit::instructions;
    drop_repeated(selection.questions);
    drop_repeated(selection.programs);
    for (auto& values : selection.properties)
        drop_repeated(values);
    try {
        bench::Interruptions interruptions;
        return measure(options);
    } catch (const bench::Interrupted& interrupted) {
        // So that a script that waits for this one ends, too.
        raise(interrupted.signal);
        return not_all_measured;
    } catch (const std::exception& error) {
        // What the system refuses, as a directory for what is measured.
        return complain(error.what());
    }
}

template <typename Table>
CLI::Validator one_of(const Table& table) {
    std::vector<std::string> names;
    for (const auto& entry : table)
        names.emplace_back(entry.name);
    return CLI::IsMember(names);
}

/// What the names of questions and methods mean.
std::string describe_all() {
    auto list = [](const auto& table) {
        std::string text;
        for (const auto& entry : table)
            text += "  " + std::string(entry.name) +
                    std::string(20 - std::min<std::size_t>(entry.name.size(), 19), ' ') +
                    std::string(entry.description) + "\n";
        return text;
    };
    return "\nQuestions that can be asked:\n" + list(bench::questions()) + "\nMethods:\n" +
           list(bench::methods());
}

}  // namespace

void add_bench(CLI::App& app, int& exit_status) {
    CLI::App* command = app.add_subcommand(
        "bench",
        "Measure ways of starting programs side by side: start, exit and wait of one child at a "
        "time. Methods, programs and what makes up the parent may be given several times.");
    command->footer(describe_all());
    auto options = std::make_shared<BenchOptions>();
    bench::Selection& selection = options->selection;
    command->add_option("question", selection.questions, "What to ask")
        ->check(one_of(bench::questions()));
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
    command->add_flag("--quick", selection.quick,
                      "Less of everything, for a first look: at most a minute");
    command
        ->add_option("--unit", options->unit,
                     "What the clock counts; instructions: in a virtual machine that counts them")
        ->check(CLI::IsMember({to_string(bench::Unit::ns), to_string(bench::Unit::instructions)}));
    command->add_flag("--pin", options->pin, "Stay on one CPU, as the children do then");
    command->add_flag("--stages", options->stages,
                      "Where the time goes, by spawnlat: needs root and a kernel with BTF");
    command->add_option("--json", options->json, "Write the results to this file");
    command->add_option("--compare", options->compare,
                        "Say what has become slower since this earlier result, by 1 % or more");
    command->callback([options, &exit_status] { exit_status = bench(*options); });
}

}  // namespace spawntpl::tools
