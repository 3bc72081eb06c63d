// SPDX-License-Identifier: MIT
#pragma once

#include "image.hpp"
#include "warm_protocol.hpp"

namespace spawntpl::warm {

/// What pthread_atfork(3) was told by libraries: they expect it of a process that is copied.
struct ForkHandler {
    void (*prepare)();
    void (*in_parent)();
    void (*in_child)();
};

/// The life of a template process. Returns in each child, when it is to enter main(), with that
/// child's strings.
detail::WarmPlan serve(Image& image, const char* why_not, detail::WarmPage& page,
                       std::span<const ForkHandler> handlers);

}  // namespace spawntpl::warm
