// SPDX-License-Identifier: MIT
//
// Where the time of a start goes: what spawnlat, the BPF tool, sees while this program measures.
#pragma once

#include "progress.hpp"
#include "selection.hpp"

#include <nlohmann/json.hpp>

#include <expected>
#include <ostream>
#include <string>

namespace spawntpl::bench {

/// Of each chosen program and method that spawnlat can follow, the stages of its starts with their
/// percentiles, as a list for "stages" of the results. Fails where spawnlat does not work: it needs
/// root and a kernel with BTF.
std::expected<nlohmann::ordered_json, std::string> measure_stages(const Selection& selection,
                                                                  Progress& progress);

/// A bar for each stage.
void print_stages(std::ostream& out, const nlohmann::ordered_json& stages);

}  // namespace spawntpl::bench
