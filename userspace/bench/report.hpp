// SPDX-License-Identifier: MIT
#pragma once

#include "clock.hpp"
#include "outcome.hpp"

#include <nlohmann/json.hpp>

#include <expected>
#include <string>
#include <vector>

namespace spawntpl::bench {

struct Report {
    Unit unit;
    nlohmann::ordered_json environment;
    std::vector<Outcome> outcomes;
};

/// As bench.schema.json says.
nlohmann::ordered_json to_json(const Report& report);

/// Writes a file, or says why not.
std::expected<void, std::string> write_json(const std::string& path,
                                            const nlohmann::ordered_json& root);

/// Reads one that was written before, or says why not.
std::expected<nlohmann::ordered_json, std::string> read_json(const std::string& path);

}  // namespace spawntpl::bench
