// SPDX-License-Identifier: MIT
#pragma once

#include "methods.hpp"

namespace spawntpl::bench {

/// Programs are started by a small process that was started early: it gets arguments, environment
/// and descriptors over a socket pair, answers with the pid, and at its end with the status.
PreparedRunner prepare_helper(const Invocation& invocation);

}  // namespace spawntpl::bench
