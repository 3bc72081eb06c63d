// SPDX-License-Identifier: MIT
#pragma once

#include "methods.hpp"

#include <optional>

namespace spawntpl::bench {

/// CPU time in nanoseconds that one start takes, as a mean of many in a row: of this process, of
/// the children that it has waited for, and of processes that the method keeps beside them and that
/// make children ahead. Empty if a start fails.
std::optional<double> cpu_time_of_a_start(Runner& runner);

}  // namespace spawntpl::bench
