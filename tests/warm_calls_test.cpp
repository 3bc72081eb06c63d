// SPDX-License-Identifier: MIT
//
// What a warm start costs its caller, in system calls: a budget.
#include "warm_support.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

/// The tracer of a process that stops itself where something is to be counted.
class CallCounter {
public:
    explicit CallCounter(pid_t process) : process_(process) {}

    /// Lets it run up to its next SIGSTOP. The system calls that it makes until then, as stops at
    /// their beginnings and ends; -1 if it ends. The looks at files are not counted, which there
    /// are only where the kernel does not tell of all changes.
    int run() {
        int stops = 0;
        for (int signal = 0;;) {
            int status = 0;
            if ((started_ && ptrace(PTRACE_SYSCALL, process_, nullptr, signal) != 0) ||
                waitpid(process_, &status, 0) != process_ || !WIFSTOPPED(status))
                return -1;
            constexpr int at_call = SIGTRAP | 0x80;
            signal = WSTOPSIG(status);
            if (!started_)
                ptrace(PTRACE_SETOPTIONS, process_, nullptr,
                       PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
            started_ = true;
            if (signal == SIGSTOP)
                return stops;
            if (signal == at_call) {
                signal = 0;
                stops += number_of_call() != SYS_newfstatat;
            }
        }
    }

private:
    long number_of_call() const {
        return ptrace(PTRACE_PEEKUSER, process_, offsetof(user_regs_struct, orig_rax), nullptr);
    }

    pid_t process_;
    bool started_ = false;
};

class WarmCalls : public WarmTest {};

// posix_spawn(3) of glibc 2.36 makes about 130, most of them in the child, which the caller waits
// for.
TEST_F(WarmCalls, caller_of_a_warm_start_makes_few) {
    constexpr int starts = 10, most = 66;
    pid_t pid = fork();
    ASSERT_NE(pid, -1);
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        Template program = allowed("/bin/true");
        bool are_warm = start(program).backend == "warm";
        raise(SIGSTOP);
        raise(SIGSTOP);
        for (int i = 0; i < starts; ++i) {
            wait_for_children(2);
            raise(SIGSTOP);
            auto child = program.spawn();
            raise(SIGSTOP);
            are_warm = are_warm && child && child->why_not_warm().empty() && child->wait();
        }
        _exit(are_warm ? 0 : 1);
    }
    CallCounter counter(pid);
    ASSERT_GE(counter.run(), 0);
    int of_a_stop = counter.run();
    // One that has to wait for its child makes some more.
    int fewest = std::numeric_limits<int>::max();
    for (int i = 0; i < starts; ++i) {
        ASSERT_GE(counter.run(), 0);
        int stops = counter.run();
        ASSERT_GE(stops, 0);
        fewest = std::min(fewest, (stops - of_a_stop) / 2);
    }
    EXPECT_EQ(counter.run(), -1);
    EXPECT_GT(fewest, 0);
    EXPECT_LE(fewest, most);
    RecordProperty("system_calls", fewest);
}

}  // namespace
}  // namespace spawntpl::tests
