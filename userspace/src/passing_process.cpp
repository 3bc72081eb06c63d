// SPDX-License-Identifier: MIT
#include "passing_process.hpp"

#include <cerrno>
#include <cstddef>
#include <exception>

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __SANITIZE_THREAD__
// The sanitizer's clone() takes the new process for one that has a memory of its own, and pays no
// heed to what this thread does from then on. The C library has another name for its own.
extern "C" int __clone(int (*function)(void*), void* stack, int flags, void* argument, ...);
#define clone __clone
#endif

namespace spawntpl::detail {

namespace {

/// As much as a thread needs for a start, and more.
constexpr std::size_t stack_size = 256 * 1024;

struct Call {
    const std::function<void()>& function;
    std::exception_ptr thrown{};
};

int run(void* argument) {
    auto* call = static_cast<Call*>(argument);
    try {
        call->function();
    } catch (...) {
        call->thrown = std::current_exception();
    }
    return 0;
}

/// A signal to the process group would have its handler run twice in the same memory else.
class AllBlocked {
public:
    AllBlocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old_);
    }

    AllBlocked(const AllBlocked&) = delete;

    ~AllBlocked() { pthread_sigmask(SIG_SETMASK, &old_, nullptr); }

private:
    sigset_t old_;
};

}  // namespace

bool in_passing_process(const std::function<void()>& function) {
    void* stack = mmap(nullptr, stack_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return false;
    Call call{function};
    int pid, error;
    {
        AllBlocked blocked;
        // Without a signal at its end, so that only those see it who wait for __WCLONE.
        pid = clone(run, static_cast<std::byte*>(stack) + stack_size,
                    CLONE_VM | CLONE_VFORK | CLONE_FILES, &call);
        error = errno;
        // Its children have another parent no sooner. Others may wait for __WALL.
        siginfo_t info;
        while (pid > 0 && syscall(SYS_waitid, P_PID, pid, &info, WEXITED | __WALL, nullptr) != 0 &&
               errno == EINTR) {
        }
    }
    munmap(stack, stack_size);
    errno = error;
    if (call.thrown)
        std::rethrow_exception(call.thrown);
    return pid > 0;
}

}  // namespace spawntpl::detail
