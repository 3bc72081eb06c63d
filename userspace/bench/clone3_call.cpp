// SPDX-License-Identifier: MIT
#include "clone3_call.hpp"

#include <array>
#include <cerrno>
#include <cstddef>

#include <linux/sched.h>
#include <sys/syscall.h>

namespace spawntpl::bench {

long clone3_vfork(clone_args& args, void (*function)(void*), void* argument) {
    // The thread that calls is stopped until the child has left this stack: one for each is enough.
    alignas(16) thread_local std::array<std::byte, 32 * 1024> stack;
    args.stack = reinterpret_cast<__u64>(stack.data());
    args.stack_size = stack.size();

    // libc has no function for this, and the child must not return into the caller's frame.
    long result = SYS_clone3;
    register void (*run)(void*) asm("r8") = function;
    asm volatile(
        "syscall\n"
        "test %%rax, %%rax\n"
        "jnz 1f\n"
        "mov %%rdx, %%rdi\n"
        "call *%%r8\n"
        "ud2\n"
        "1:"
        : "+a"(result)
        : "D"(&args), "S"(sizeof(args)), "d"(argument), "r"(run)
        : "rcx", "r11", "memory", "cc");
    if (result >= 0)
        return result;
    errno = static_cast<int>(-result);
    return -1;
}

}  // namespace spawntpl::bench
