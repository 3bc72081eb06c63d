// SPDX-License-Identifier: MIT
#pragma once

#include "methods.hpp"

namespace spawntpl::bench {

/// Takes the times of one start. Each moment is a mark as well, for a virtual machine that counts
/// instructions: see qemu/profile_plugin.c.
class Stopwatch {
public:
    /// Numbers of marks, from 1: in @p start_mark begins the start, in the next one what follows
    /// its return. 0 is none.
    static void use_marks(unsigned start_mark);
    static constexpr unsigned marks = 256;

    Stopwatch();

    /// The start has returned.
    void returned();

    /// The child has ended, and was waited for.
    Run ended(ExitStatus status);

private:
    std::int64_t begin_;
    std::int64_t returned_ = 0;
};

}  // namespace spawntpl::bench
