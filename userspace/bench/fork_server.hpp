// SPDX-License-Identifier: MIT
#pragma once

#include "methods.hpp"

namespace spawntpl::bench {

/// The plain idea that warm templates come from, as fast as it can be: a process that has the
/// program loaded and linked clones itself at each request. Its children are this process's, and
/// enter main() at once, with what their server had when this process started it: arguments,
/// environment, directory, descriptors 0 to 2. Nothing is handed over, renewed or checked.
///
/// Not to be prepared early: other methods' children have the environment of the parent, and what a
/// program does before its end depends on that, its locale above all.
PreparedRunner prepare_fork_server(const Invocation& invocation);

}  // namespace spawntpl::bench
