// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace spawntpl::tools {

// Each adds one subcommand, which sets `exit_status` when it is called.
void add_bench(CLI::App& app, int& exit_status);
void add_info(CLI::App& app, int& exit_status);

/// @p tail: the first "--" of the command line and all that follows it.
void add_map(CLI::App& app, const std::vector<std::string>& tail, int& exit_status);
void add_run(CLI::App& app, const std::vector<std::string>& tail, int& exit_status);

}  // namespace spawntpl::tools
