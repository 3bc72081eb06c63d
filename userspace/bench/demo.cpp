// SPDX-License-Identifier: MIT
//
// Starts real tools by posix_spawn, through a template and through a warm one, checks that it makes
// no difference to what they do, and prints as JSON what it costs. tests/demo runs it in two places
// and compares.
#include "clock.hpp"
#include "measure.hpp"
#include "methods.hpp"
#include "parent.hpp"
#include "programs.hpp"
#include "statistics.hpp"

#include <spawntpl/backends.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <sys/mman.h>

namespace {

using namespace spawntpl::bench;
using json = nlohmann::ordered_json;

struct Tool {
    std::string name;
    std::vector<std::string> words;
    ParentShape parent = ordinary_parent;
};

std::vector<Tool> tools() {
    ParentShape many_files = ordinary_parent;
    many_files.fds = 10'000;
    const std::string script = payload("greet");
    return {
        {"true", {"true"}},
        {"git --version", {"git", "--version"}},
        {"grep -c", {"grep", "-c", "e", script}},
        {"sed s///p", {"sed", "-n", "s/^# //p", script}},
        {"awk", {"awk", "{ words += NF } END { print words }", script}},
        {"bash -c", {"bash", "-c", "echo $((6 * 7)); exit 3"}},
        {"python3 -c", {"/usr/bin/python3", "-c", "print(6 * 7)"}},
        {"#! script", {script, "template"}},
        {"true, 10,000 files open", {"true"}, many_files},
    };
}

[[noreturn]] void give_up(const std::string& text) {
    std::cerr << "demo: " << text << '\n';
    std::exit(1);
}

std::string reason(const std::string& error) {
    return error;
}

std::string reason(const spawntpl::Error& error) {
    return error.message();
}

template <typename T, typename E>
T or_give_up(std::expected<T, E> value, const std::string& tool) {
    if (!value)
        give_up(tool + ": " + reason(value.error()));
    return std::move(*value);
}

/// What a program does that others can see.
struct Effect {
    spawntpl::ExitStatus status;
    std::string output;

    bool operator==(const Effect&) const = default;
};

std::string describe(const Effect& effect) {
    return spawntpl::bench::describe(effect.status) + ", its output '" + effect.output + "'";
}

Effect observe(Runner& runner, const std::string& tool) {
    spawntpl::Fd file(memfd_create("output", MFD_CLOEXEC));
    Redirected output(STDOUT_FILENO, file.get());
    Run run = or_give_up(runner.run(), tool);
    std::string text(static_cast<std::size_t>(lseek(file.get(), 0, SEEK_END)), '\0');
    if (pread(file.get(), text.data(), text.size(), 0) != std::ssize(text))
        give_up(tool + ": cannot read what it has written");
    return {run.status, text};
}

/// The kernel keeps the memory of linked programs, or else the library keeps processes.
std::string warm_backend() {
    for (const spawntpl::BackendInfo& backend : spawntpl::backends())
        if (backend.name == "kernel-warm" && backend.available)
            return "kernel-warm";
    return "warm";
}

/// The first is what the others are compared with.
const std::array compared{
    *find_method(reference_method),
    Method{"template", "by the backend that the library chooses",
           [](const Invocation& it) { return prepare_template(it, ""); }},
    Method{"warm template", "a copy of the program as it is linked already",
           [](const Invocation& it) { return prepare_template(it, warm_backend()); }},
};

/// A row for each method.
json compare(const Tool& tool, std::uint64_t count) {
    Invocation invocation = or_give_up(resolve(tool.words), tool.name);
    auto parent = or_give_up(Parent::make(tool.parent), tool.name);

    std::optional<Effect> expected;
    std::vector<Contender> contenders;
    json rows = json::array();
    for (const Method& method : compared) {
        json row{{"tool", tool.name}, {"method", method.name}};
        auto prepared = method.prepare(invocation);
        if (!prepared && prepared.error().step == spawntpl::Step::choose_backend) {
            row["refused"] = prepared.error().detail;
        } else {
            Contender contender{.runner = or_give_up(std::move(prepared), tool.name)};
            Effect effect = observe(*contender.runner, tool.name);
            if (expected && effect != *expected)
                give_up(tool.name + ": DIFFERENT through a " + std::string(method.name) + ": " +
                        describe(effect) + "; by posix_spawn: " + describe(*expected));
            expected = std::move(effect);
            row["status"] = spawntpl::bench::describe(expected->status);
            row["output"] = expected->output;
            contenders.push_back(std::move(contender));
        }
        rows.push_back(std::move(row));
    }
    measure(contenders, count, samples_per_turn(count), expected->status, [] {});

    auto contender = contenders.begin();
    for (json& row : rows) {
        if (row.contains("refused"))
            continue;
        if (!contender->failure.empty())
            give_up(tool.name + ", " + std::string(row["method"]) + ": " + contender->failure);
        row["backend"] = contender->runner->backend();
        row["starts"] = count;
        row["cost"] = distribution(contender->ended).p50;
        ++contender;
    }
    return rows;
}

}  // namespace

int main(int argc, char** argv) {
    std::string unit_name = argc == 2 ? argv[1] : "";
    Unit unit = unit_name == to_string(Unit::ns) ? Unit::ns : Unit::instructions;
    if (unit_name != to_string(unit)) {
        std::cerr << "usage: spawntpl-demo ns|instructions\n";
        return 2;
    }
    if (auto checked = check(unit, calibrate()); !checked)
        give_up(checked.error());

    // A virtual machine that counts instructions is slow, and its counts hardly vary.
    const std::uint64_t count = unit == Unit::ns ? 200 : 20;
    json rows = json::array();
    for (const Tool& tool : tools()) {
        std::cerr << "demo:   " << tool.name << ": " << count << " starts in each way" << std::endl;
        for (const json& row : compare(tool, count))
            rows.push_back(row);
    }
    std::cout << rows.dump(2) << '\n';
}
