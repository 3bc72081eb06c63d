// SPDX-License-Identifier: MIT
#pragma once

#include "clock.hpp"

#include <nlohmann/json.hpp>

namespace spawntpl::bench {

/// Where something was measured.
nlohmann::ordered_json environment(Unit unit, const Calibration& calibration);

}  // namespace spawntpl::bench
