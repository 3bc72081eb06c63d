// SPDX-License-Identifier: MIT
//
// The system calls of the patched kernel without the library around them.
#pragma once

#include "methods.hpp"

namespace spawntpl::bench {

/// Returns to the caller when the program runs.
PreparedRunner prepare_raw_template(const Invocation& invocation);

/// Returns to the caller as soon as the child exists.
PreparedRunner prepare_raw_template_nowait(const Invocation& invocation);

}  // namespace spawntpl::bench
