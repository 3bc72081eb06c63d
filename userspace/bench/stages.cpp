// SPDX-License-Identifier: MIT
#include "stages.hpp"

#include "interruption.hpp"
#include "methods.hpp"
#include "programs.hpp"

#include <spawntpl/spawntpl.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iomanip>
#include <sstream>

namespace spawntpl::bench {

namespace {

using json = nlohmann::ordered_json;

constexpr std::array stage_names{"create", "wakeup", "setup", "exec", "link", "run", "zombie"};
constexpr double bar_width = 40;

// Those whose children are this program's own: one for each start, and no other.
const std::vector<std::string> usual_methods{"fork", "vfork", "posix_spawn", "clone3", "kernel"};
const std::vector<std::string> usual_programs{"nolibc", "hello", "true", "git", "python3"};

/// Beside this program, or in PATH.
std::string spawnlat() {
    auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "spawnlat";
    return exists(beside) ? beside.string() : "spawnlat";
}

bool is_there(const Method& method, const Invocation& invocation) {
    return method.prepare(invocation).has_value();
}

/// What spawnlat writes about the starts, or why it does not.
std::expected<json, std::string> run_spawnlat(const Template& tool, const Invocation& invocation,
                                              const std::string& program, const std::string& method,
                                              std::uint64_t count) {
    std::vector<std::string> args{"--json", "--no-events", "--by",
                                  "none",   "--output",    "/dev/stdout"};
    // Without libc there is no linker: the entry point is the beginning.
    if (program != "nolibc")
        args.insert(args.end(), {"--entry", invocation.path});
    args.insert(args.end(),
                {"--", std::filesystem::read_symlink("/proc/self/exe"), "bench", "--program",
                 program, "--method", method, "--n", std::to_string(count)});
    Command command(std::move(args));
    auto result = run(tool, command);
    if (!result)
        return std::unexpected(result.error().message());
    if (!result->success())
        return std::unexpected(result->err.substr(0, result->err.find('\n')));
    std::istringstream lines(result->out);
    for (std::string line; std::getline(lines, line);) {
        json value = json::parse(line, nullptr, false);
        if (value.is_object() && value.value("type", "") == "summary" && !value["groups"].empty())
            return value["groups"][0];
    }
    return std::unexpected("spawnlat saw no start of " + program + " by " + method);
}

}  // namespace

std::expected<json, std::string> measure_stages(const Selection& selection, Progress& progress) {
    auto tool = Template::open(spawnlat());
    if (!tool)
        return std::unexpected("there is no spawnlat beside this program nor in PATH: make bpf");
    const auto& programs = selection.programs.empty() ? usual_programs : selection.programs;
    const auto& methods = selection.methods.empty() ? usual_methods : selection.methods;
    std::uint64_t count = selection.count ? selection.count : selection.quick ? 20 : 200;

    progress.start(programs.size() * methods.size(), programs.size() * methods.size());
    json list = json::array();
    for (const std::string& program : programs)
        for (const std::string& method : methods) {
            progress.group("stages: " + program + " by " + method, 1);
            auto invocation = resolve(find_program(program)->words);
            if (!invocation)
                return std::unexpected(invocation.error());
            if (!is_there(*find_method(method), *invocation))
                continue;
            auto seen = run_spawnlat(*tool, *invocation, program, method, count);
            end_if_interrupted();
            if (!seen)
                return std::unexpected(seen.error());
            list.push_back({{"program", program},
                            {"method", method},
                            {"n", (*seen)["processes"]["exec"]},
                            {"stages", (*seen)["stages"]}});
            for (auto& [name, stage] : list.back()["stages"].items())
                stage.erase("log2");
        }
    progress.end();
    return list;
}

void print_stages(std::ostream& out, const json& stages) {
    out << "Stages of a start, as spawnlat sees them, in microseconds (medians).\n" << std::fixed;
    for (const json& entry : stages) {
        out << "\n"
            << entry["program"].get<std::string>() << " by " << entry["method"].get<std::string>()
            << " (" << entry["n"] << " starts)\n";
        double all = 1;
        for (const char* name : stage_names)
            if (entry["stages"].contains(name))
                all = std::max(all, entry["stages"][name]["p50_ns"].get<double>());
        for (const char* name : stage_names) {
            if (!entry["stages"].contains(name))
                continue;
            double p50 = entry["stages"][name]["p50_ns"];
            auto length = static_cast<std::size_t>(p50 / all * bar_width);
            out << "  " << std::left << std::setw(10) << name << std::right << std::setw(10)
                << std::setprecision(1) << p50 / 1000 << "  " << std::string(length, '#') << '\n';
        }
    }
}

}  // namespace spawntpl::bench
