// SPDX-License-Identifier: MIT
#pragma once

#include "methods.hpp"

namespace spawntpl::bench {

/// What an exec alone costs: a program that executes itself again and again, in one process. A
/// sample is the mean of so many that its start and end do not count.
PreparedRunner prepare_exec_loop(const Invocation& invocation);

}  // namespace spawntpl::bench
