// SPDX-License-Identifier: MIT
//
// Starts real tools by posix_spawn and through a template, checks that it makes no difference to
// what they do, and prints as JSON what it costs. tests/demo runs it in two places and compares.
#include "clock.hpp"
#include "measure.hpp"
#include "parent.hpp"
#include "programs.hpp"
#include "statistics.hpp"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <iostream>

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

json compare(const Tool& tool, std::uint64_t count) {
    Invocation invocation = or_give_up(resolve(tool.words), tool.name);
    auto parent = or_give_up(Parent::make(tool.parent), tool.name);

    const std::vector<std::string> methods{std::string(reference_method), "template"};
    std::vector<Contender> contenders;
    contenders.push_back(
        {.runner = or_give_up(find_method(reference_method)->prepare(invocation), tool.name)});
    contenders.push_back({.runner = or_give_up(prepare_template(invocation, ""), tool.name)});

    Effect expected = observe(*contenders[0].runner, tool.name);
    Effect effect = observe(*contenders[1].runner, tool.name);
    if (effect != expected)
        give_up(tool.name + ": DIFFERENT through a template: " + describe(effect) +
                "; by posix_spawn: " + describe(expected));
    measure(contenders, count, samples_per_turn(count), expected.status, [] {});

    json rows = json::array();
    for (std::size_t i = 0; i < contenders.size(); ++i) {
        const Contender& contender = contenders[i];
        if (!contender.failure.empty())
            give_up(tool.name + ", " + methods[i] + ": " + contender.failure);
        rows.push_back({{"tool", tool.name},
                        {"method", methods[i]},
                        {"backend", contender.runner->backend()},
                        {"status", spawntpl::bench::describe(expected.status)},
                        {"output", expected.output},
                        {"starts", count},
                        {"cost", distribution(contender.ended).p50}});
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
