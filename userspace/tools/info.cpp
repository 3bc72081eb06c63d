// SPDX-License-Identifier: MIT
#include "commands.hpp"

#include <spawntpl/spawntpl.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iomanip>
#include <iostream>

namespace spawntpl::tools {

namespace {

/// The backend that a Template would use now, asked from the library itself.
Result<std::string> chosen_backend() {
    auto self = Template::open("/proc/self/exe");
    if (!self)
        return std::unexpected(self.error());
    return std::string(self->backend());
}

void print_json(const Result<std::string>& chosen) {
    nlohmann::ordered_json root;
    root["version"] = SPAWNTPL_VERSION;
    root["backends"] = nlohmann::ordered_json::array();
    for (const BackendInfo& info : backends()) {
        nlohmann::ordered_json entry;
        entry["name"] = info.name;
        entry["description"] = info.description;
        entry["available"] = info.available;
        if (!info.available)
            entry["reason"] = info.reason;
        root["backends"].push_back(std::move(entry));
    }
    if (chosen)
        root["chosen"] = *chosen;
    std::cout << root.dump(2) << '\n';
}

void print_text(const Result<std::string>& chosen) {
    std::cout << "spawntpl " SPAWNTPL_VERSION "\n\nbackends, in order of preference:\n";
    for (const BackendInfo& info : backends())
        std::cout << "  " << std::left << std::setw(12) << info.name << "  " << std::setw(13)
                  << (info.available ? "available" : "not available") << "  "
                  << (info.available ? std::string(info.description) : info.reason) << '\n';
    if (chosen)
        std::cout << "\nchosen: " << *chosen << '\n';
}

int info(bool json) {
    Result<std::string> chosen = chosen_backend();
    json ? print_json(chosen) : print_text(chosen);
    if (chosen)
        return 0;
    std::cerr << "spawntpl info: " << chosen.error().message() << '\n';
    return 1;
}

}  // namespace

void add_info(CLI::App& app, int& exit_status) {
    CLI::App* command = app.add_subcommand("info", "Show what this system offers");
    auto json = std::make_shared<bool>(false);
    command->add_flag("--json", *json, "Print JSON");
    command->callback([json, &exit_status] { exit_status = info(*json); });
}

}  // namespace spawntpl::tools
