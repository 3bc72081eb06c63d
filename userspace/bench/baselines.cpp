// SPDX-License-Identifier: MIT
#include "baselines.hpp"

#include "clone3_call.hpp"

#include <cerrno>

#include <dlfcn.h>
#include <linux/sched.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

namespace spawntpl::bench {

namespace {

/// As in glibc 2.39 and later.
using PidfdSpawn = int (*)(int* pidfd, const char* path, const posix_spawn_file_actions_t*,
                           const posix_spawnattr_t*, char* const* argv, char* const* envp);

PidfdSpawn pidfd_spawn_function(const char* name) {
    return reinterpret_cast<PidfdSpawn>(dlsym(RTLD_DEFAULT, name));
}

BaselineChild child_of(pid_t pid) {
    return {.pid = pid};
}

}  // namespace

void execute(const ExecArguments& arguments) {
    if (arguments.search)
        execvpe(arguments.path, arguments.argv, arguments.envp);
    else
        execve(arguments.path, arguments.argv, arguments.envp);
    _exit(127);
}

BaselineChild start_by_fork(const ExecArguments& arguments) {
    pid_t pid = fork();
    if (pid == 0)
        execute(arguments);
    return child_of(pid);
}

BaselineChild start_by_vfork(const ExecArguments& arguments) {
    pid_t pid = vfork();
    if (pid == 0)
        execute(arguments);
    return child_of(pid);
}

BaselineChild start_by_clone3(const ExecArguments& arguments) {
    clone_args args{};
    args.flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND;
    args.exit_signal = SIGCHLD;
    auto run = [](void* pointer) { execute(*static_cast<const ExecArguments*>(pointer)); };
    ExecArguments copy = arguments;
    return child_of(static_cast<pid_t>(clone3_vfork(args, run, &copy)));
}

BaselineChild start_by_posix_spawn(const ExecArguments& arguments) {
    pid_t pid;
    auto spawn = arguments.search ? posix_spawnp : posix_spawn;
    errno = spawn(&pid, arguments.path, nullptr, nullptr, arguments.argv, arguments.envp);
    return child_of(errno ? -1 : pid);
}

bool has_pidfd_spawn() {
    return pidfd_spawn_function("pidfd_spawn") && pidfd_spawn_function("pidfd_spawnp");
}

BaselineChild start_by_pidfd_spawn(const ExecArguments& arguments) {
    static const PidfdSpawn by_path = pidfd_spawn_function("pidfd_spawn");
    static const PidfdSpawn by_name = pidfd_spawn_function("pidfd_spawnp");
    int pidfd;
    errno = (arguments.search ? by_name : by_path)(&pidfd, arguments.path, nullptr, nullptr,
                                                   arguments.argv, arguments.envp);
    return errno ? BaselineChild{.pid = -1} : BaselineChild{.pid = 0, .pidfd = pidfd};
}

BaselineChild fork_and_exit(const ExecArguments&) {
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return child_of(pid);
}

BaselineChild vfork_and_exit(const ExecArguments&) {
    pid_t pid = vfork();
    if (pid == 0)
        _exit(0);
    return child_of(pid);
}

}  // namespace spawntpl::bench
