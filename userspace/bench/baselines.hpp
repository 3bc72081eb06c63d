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
    bool search = false;  ///< the path is a name, to be looked up in PATH
};

/// A child, and a pidfd where the method makes one; no child: pid is -1, and errno says why.
struct BaselineChild {
    pid_t pid;
    int pidfd = -1;
};

/// Executes the program in a child, which cannot go on otherwise: _exit(127).
[[noreturn]] void execute(const ExecArguments& arguments);

// A child of these that cannot execute the program exits with status 127.
BaselineChild start_by_fork(const ExecArguments& arguments);
BaselineChild start_by_vfork(const ExecArguments& arguments);
BaselineChild start_by_clone3(const ExecArguments& arguments);
BaselineChild start_by_posix_spawn(const ExecArguments& arguments);

/// libc's pidfd_spawn(), which must be there.
BaselineChild start_by_pidfd_spawn(const ExecArguments& arguments);
bool has_pidfd_spawn();

/// What clone3() takes when nothing may be left to chance: no signal reaches the child, handlers
/// are reset at once, the descriptor table is not copied, a failed exec is an error of the start,
/// and the child is known by a pidfd. What the library's backend "clone3" has to be compared with.
BaselineChild start_by_safe_clone3(const ExecArguments& arguments);

// No program: the child ends at once.
BaselineChild fork_and_exit(const ExecArguments&);
BaselineChild vfork_and_exit(const ExecArguments&);

}  // namespace spawntpl::bench
