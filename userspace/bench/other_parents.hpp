// SPDX-License-Identifier: MIT
//
// Methods that belong to another parent than this process: it has the same shape, starts the
// children, waits for them and takes the times.
#pragma once

#include "methods.hpp"

namespace spawntpl::bench {

/// fork() and execve() of a parent whose touched memory is on huge pages.
PreparedRunner prepare_fork_of_huge_pages(const Invocation& invocation);

/// subprocess.Popen() of Python.
PreparedRunner prepare_python(const Invocation& invocation);

}  // namespace spawntpl::bench
