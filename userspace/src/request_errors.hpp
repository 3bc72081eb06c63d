// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/command.hpp>
#include <spawntpl/error.hpp>

#include <string>

namespace spawntpl::detail {

// Errors of one start that name what of the Command they are about.

Error redirect_error(const Command& command, int error, int index, std::string detail = {});
Error directory_error(const Command& command, int error, std::string detail = {});

/// @p step is one that an attribute of the Command asks for; @p index is that of a resource limit.
Error attribute_error(const Command& command, int error, Step step, int index = -1);

}  // namespace spawntpl::detail
