// SPDX-License-Identifier: MIT
#pragma once

#include "outcome.hpp"
#include "progress.hpp"
#include "selection.hpp"

namespace spawntpl::bench {

/// Measures what the selection asks for, one group of methods after the other. Throws Interrupted
/// after the turns that a signal comes in.
std::vector<Outcome> run(const Selection& selection, Progress& progress);

}  // namespace spawntpl::bench
