// SPDX-License-Identifier: MIT
//
// The system calls that the library and the C library make for it, how each can fail, and what is
// to come of that.
#pragma once

#include <spawntpl/error.hpp>

#include <vector>

namespace spawntpl::tests {

struct CallFaults {
    long number;
    const char* name;
    std::vector<int> errors;       ///< none: it cannot fail as it is used
    std::vector<Step> steps;       ///< of an Error that is not inferred, one of them
    bool may_be_unneeded = false;  ///< the result can be the right one nevertheless
    /// It fails after it has done its work.
    bool fails_late = false;
};

/// Null for a call that is not in the table.
const CallFaults* find_faults(long number);

}  // namespace spawntpl::tests
