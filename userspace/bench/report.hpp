// SPDX-License-Identifier: MIT
#pragma once

#include "clock.hpp"
#include "outcome.hpp"

#include <nlohmann/json.hpp>

#include <vector>

namespace spawntpl::bench {

struct Report {
    Unit unit;
    nlohmann::ordered_json environment;
    std::vector<Outcome> outcomes;
};

/// As bench.schema.json says.
nlohmann::ordered_json to_json(const Report& report);

}  // namespace spawntpl::bench
