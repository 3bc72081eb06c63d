// SPDX-License-Identifier: MIT
#pragma once

#include <span>

namespace spawntpl::warm {

/// What pthread_atfork(3) was told by libraries: they expect it of a process that is copied.
struct ForkHandler {
    void (*prepare)();
    void (*in_parent)();
    void (*in_child)();
};

using ForkHandlers = std::span<const ForkHandler>;

}  // namespace spawntpl::warm
