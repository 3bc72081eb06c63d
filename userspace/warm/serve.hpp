// SPDX-License-Identifier: MIT
#pragma once

#include "fork_handlers.hpp"
#include "image.hpp"
#include "warm_protocol.hpp"
#include "working_set.hpp"

namespace spawntpl::warm {

/// The life of a template process. Returns in each child, when it is to go on as a program, with
/// that child's strings. A change of @p files, NULL-terminated or null, is the end of its use, as
/// one of the objects that are loaded.
detail::WarmPlan serve(Image& image, WorkingSet& memory, const char* why_not,
                       const char* const* files, detail::WarmPage& page, ForkHandlers handlers);

}  // namespace spawntpl::warm
