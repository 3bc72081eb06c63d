// SPDX-License-Identifier: MIT
#include "commands.hpp"

#include <spawntpl/spawntpl.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
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
        entry["features"] = info.features;
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

/// What each backend can do, wherever it runs.
void print_table() {
    std::size_t width = 0;
    for (std::string_view feature : backend_features())
        width = std::max(width, feature.size());
    auto row = [&](std::string_view title, auto cell) {
        std::cout << "| " << std::left << std::setw(static_cast<int>(width)) << title << " |";
        for (const BackendInfo& info : backends())
            std::cout << ' ' << std::setw(static_cast<int>(info.name.size())) << cell(info) << " |";
        std::cout << '\n';
    };
    row("", [](const BackendInfo& info) { return info.name; });
    row(std::string(width, '-'),
        [](const BackendInfo& info) { return std::string(info.name.size(), '-'); });
    for (std::string_view feature : backend_features())
        row(feature, [&](const BackendInfo& info) {
            return std::ranges::count(info.features, feature) ? "yes" : "";
        });
}

int info(bool json, bool table) {
    if (table) {
        print_table();
        return 0;
    }
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
    auto table = std::make_shared<bool>(false);
    auto* json_flag = command->add_flag("--json", *json, "Print JSON");
    command->add_flag("--table", *table, "Print a table of what each backend can do, as Markdown")
        ->excludes(json_flag);
    command->callback([json, table, &exit_status] { exit_status = info(*json, *table); });
}

}  // namespace spawntpl::tools
