// SPDX-License-Identifier: MIT
#pragma once

#include "fork_handlers.hpp"
#include "image.hpp"
#include "warm_protocol.hpp"
#include "working_set.hpp"

namespace spawntpl::warm {

/// The life of a template process. Returns in each child, when it is to enter main(), with that
/// child's strings.
detail::WarmPlan serve(Image& image, WorkingSet& memory, const char* why_not,
                       detail::WarmPage& page, ForkHandlers handlers);

}  // namespace spawntpl::warm
