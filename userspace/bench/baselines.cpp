// SPDX-License-Identifier: MIT
#include "baselines.hpp"

#include <array>
#include <cerrno>
#include <cstddef>

#include <linux/sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::bench {

namespace {

[[noreturn]] void execute(const ExecArguments* arguments) {
    execve(arguments->path, arguments->argv, arguments->envp);
    _exit(127);
}

}  // namespace

pid_t start_by_fork(const ExecArguments& arguments) {
    pid_t pid = fork();
    if (pid == 0)
        execute(&arguments);
    return pid;
}

pid_t start_by_vfork(const ExecArguments& arguments) {
    pid_t pid = vfork();
    if (pid == 0)
        execute(&arguments);
    return pid;
}

pid_t start_by_clone3(const ExecArguments& arguments) {
    // The caller is stopped until the child has left this stack: one is enough.
    alignas(16) static std::array<std::byte, 16 * 1024> stack;

    clone_args args{};
    args.flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND;
    args.exit_signal = SIGCHLD;
    args.stack = reinterpret_cast<__u64>(stack.data());
    args.stack_size = stack.size();

    // libc has no function for this, and the child must not return into the caller's frame.
    long result = SYS_clone3;
    asm volatile(
        "syscall\n"
        "test %%rax, %%rax\n"
        "jnz 1f\n"
        "mov %[arguments], %%rdi\n"
        "call *%[execute]\n"
        "ud2\n"
        "1:"
        : "+a"(result)
        : "D"(&args), "S"(sizeof(args)), [arguments] "r"(&arguments), [execute] "r"(&execute)
        : "rcx", "r11", "memory", "cc");
    if (result >= 0)
        return static_cast<pid_t>(result);
    errno = static_cast<int>(-result);
    return -1;
}

pid_t start_by_posix_spawn(const ExecArguments& arguments) {
    pid_t pid;
    errno = posix_spawn(&pid, arguments.path, nullptr, nullptr, arguments.argv, arguments.envp);
    return errno ? -1 : pid;
}

}  // namespace spawntpl::bench
