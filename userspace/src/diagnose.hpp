// SPDX-License-Identifier: MIT
#pragma once

#include "launch.hpp"

#include <spawntpl/error.hpp>

namespace spawntpl::detail {

/// Adds to the error of a failed start what its errno does not say: which string was too long,
/// which interpreter is missing.
void add_details(Error& error, const Launch& launch);

/// Finds the step at which a start failed with errno @p error, for a backend that is not told:
/// looks which of the steps cannot be done.
Error infer_error(int error, const Launch& launch);

}  // namespace spawntpl::detail
