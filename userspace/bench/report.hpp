// SPDX-License-Identifier: MIT
#pragma once

#include "clock.hpp"
#include "measure.hpp"
#include "parent.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <ostream>

namespace spawntpl::bench {

/// What one method needed for one program, or why that is not known.
struct Outcome {
    std::string question;
    std::string program;
    std::string method;
    std::string backend{};  ///< of the library, or empty
    ParentShape parent;
    std::uint64_t mappings = 0;
    std::uint64_t count;
    std::optional<Distribution> ended{};
    std::optional<Distribution> returned{};
    std::string failure{};
    bool unavailable = false;  ///< the failure: the method does not work on this system
};

struct Report {
    Unit unit;
    nlohmann::ordered_json environment;
    std::vector<Outcome> outcomes;
};

nlohmann::ordered_json to_json(const Report& report);

/// A table for people.
void print(std::ostream& out, const Report& report);

/// Writes a file, or says why not.
std::expected<void, std::string> write_json(const std::string& path,
                                            const nlohmann::ordered_json& root);

}  // namespace spawntpl::bench
