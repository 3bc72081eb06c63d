// SPDX-License-Identifier: MIT
//
// What programs do without the library, each in as few steps as it can be done.
#pragma once

#include <sys/types.h>

namespace spawntpl::bench {

/// The arguments of execve(2).
struct ExecArguments {
    const char* path;
    char* const* argv;
    char* const* envp;
};

// Each returns the child's pid, or -1 and errno. A child that cannot execute the program exits
// with status 127.
pid_t start_by_fork(const ExecArguments& arguments);
pid_t start_by_vfork(const ExecArguments& arguments);
pid_t start_by_clone3(const ExecArguments& arguments);
pid_t start_by_posix_spawn(const ExecArguments& arguments);

}  // namespace spawntpl::bench
