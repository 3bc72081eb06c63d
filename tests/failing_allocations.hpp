// SPDX-License-Identifier: MIT
#pragma once

namespace spawntpl::tests {

/// Lets one allocation of this thread fail: the @p nth from now on, counted from 0.
class FailingAllocation {
public:
    explicit FailingAllocation(int nth);
    FailingAllocation(const FailingAllocation&) = delete;
    ~FailingAllocation();

    bool has_failed() const;
};

}  // namespace spawntpl::tests
