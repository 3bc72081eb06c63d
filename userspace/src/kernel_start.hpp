// SPDX-License-Identifier: MIT
#pragma once

#include "actions.hpp"
#include "backend.hpp"

#include <cstdint>
#include <string>

namespace spawntpl::detail {

/// Why spawn_template_create(2) does not work here with these flags, in words; empty if it does.
std::string why_no_templates(std::uint64_t flags);

/// Starts a child from a template of the kernel. One that may be warm was made with the environment
/// of some start, not of the Program; then the answer, one of enum spawn_template_start, goes to
/// @p how, also where a cold start is refused because the Program is to be warm only.
Result<Started> start_from(const Fd& fd, const Launch& launch, const ActionList& actions,
                           std::uint32_t* how = nullptr);

/// Whether a start failed because the path names another file than the template's, or none.
bool is_stale(const Result<Started>& started);

}  // namespace spawntpl::detail
