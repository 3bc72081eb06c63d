// SPDX-License-Identifier: MIT
#pragma once

#include "report.hpp"

#include <ostream>

namespace spawntpl::bench {

/// For people: a table with a bar for each method, and what could not be measured.
void print(std::ostream& out, const Report& report);

}  // namespace spawntpl::bench
