// SPDX-License-Identifier: MIT
#include "commands.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>

int main(int argc, char** argv) {
    // CLI11 would look for options of ours behind "--", too.
    char** end = std::find(argv + 1, argv + argc, std::string_view("--"));
    std::vector<std::string> tail(end, argv + argc);

    CLI::App app("Start programs through spawn templates", "spawntpl");
    app.set_version_flag("--version", SPAWNTPL_VERSION);
    // Else "run info" would be two of them.
    app.require_subcommand(0, 1);

    int exit_status = 0;
    spawntpl::tools::add_bench(app, exit_status);
    spawntpl::tools::add_info(app, exit_status);
    spawntpl::tools::add_map(app, tail, exit_status);
    spawntpl::tools::add_run(app, tail, exit_status);
    try {
        app.parse(static_cast<int>(end - argv), argv);
        if (!tail.empty() && !app.got_subcommand("run") && !app.got_subcommand("map"))
            throw CLI::ExtrasError(tail);
        if (app.get_subcommands().empty())
            throw CLI::RequiredError("a subcommand");
    } catch (const CLI::ParseError& error) {
        // As env(1): a status of its own, for "run" passes on those of programs, and "map" has
        // some.
        return app.exit(error) == 0 ? 0 : 125;
    }
    return exit_status;
}
