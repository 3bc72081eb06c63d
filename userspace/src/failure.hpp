// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/error.hpp>

namespace spawntpl::detail {

/// For a function to return that failed in a step about which no more is to be said.
inline std::unexpected<Error> failure(int error, Step step) {
    return std::unexpected(Error{.code = {error, std::generic_category()}, .step = step});
}

}  // namespace spawntpl::detail
