// SPDX-License-Identifier: MIT
//
// Waiting for children, signalling them, letting go of them.
#include "support.hpp"

#include <algorithm>

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class ChildTest : public BackendTest {
protected:
    Child start(std::vector<std::string> args) const {
        auto child = must_open(payload("end")).spawn(Command(std::move(args)));
        EXPECT_TRUE(child) << child.error().message();
        return std::move(*child);
    }
};
FOR_EACH_WAY(ChildTest);

TEST_P(ChildTest, exit_codes_pass) {
    for (int code : {0, 1, 42, 127, 255}) {
        Child child = start({"exit", std::to_string(code)});
        EXPECT_EQ(child.wait(), ExitStatus::exited(code));
        EXPECT_EQ(child.wait()->success(), code == 0);
    }
    EXPECT_EQ(run(must_open(payload("exit0"))), ExitStatus::exited(0));
}

TEST_P(ChildTest, fatal_signals_pass) {
    rlimit old{};
    getrlimit(RLIMIT_CORE, &old);
    rlimit none{.rlim_cur = 0, .rlim_max = old.rlim_max};
    setrlimit(RLIMIT_CORE, &none);
    for (int signal : {SIGTERM, SIGKILL, SIGSEGV, SIGPIPE, SIGHUP}) {
        ExitStatus status = start({"signal", std::to_string(signal)}).wait().value();
        EXPECT_EQ(status.signal(), signal);
        EXPECT_EQ(status.code(), std::nullopt);
        EXPECT_FALSE(status.success());
    }
    setrlimit(RLIMIT_CORE, &old);
}

TEST_P(ChildTest, pid_and_pidfd_name_one_process) {
    Child child = start({"never"});
    EXPECT_EQ(child.backend(), backend());
    EXPECT_EQ(kill(child.pid(), 0), 0);
    EXPECT_EQ(getpgid(child.pid()), getpgrp());

    std::string info = read_file("/proc/self/fdinfo/" + std::to_string(child.pidfd()));
    EXPECT_THAT(info, testing::HasSubstr("Pid:\t" + std::to_string(child.pid()) + "\n"));
    EXPECT_EQ(fcntl(child.pidfd(), F_GETFD), FD_CLOEXEC);
    EXPECT_TRUE(child.kill());
    EXPECT_EQ(child.wait()->signal(), SIGKILL);
}

TEST_P(ChildTest, pidfd_becomes_readable_at_the_end) {
    Child child = start({"never"});
    pollfd poll_fd{.fd = child.pidfd(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&poll_fd, 1, 0), 0);
    EXPECT_TRUE(child.kill());
    EXPECT_EQ(poll(&poll_fd, 1, -1), 1);
    EXPECT_EQ(child.wait()->signal(), SIGKILL);
}

TEST_P(ChildTest, try_wait_does_not_block) {
    Child child = start({"never"});
    EXPECT_EQ(child.try_wait().value(), std::nullopt);
    EXPECT_TRUE(child.send_signal(SIGTERM));
    EXPECT_EQ(child.wait()->signal(), SIGTERM);
    EXPECT_EQ(child.try_wait().value()->signal(), SIGTERM);
}

TEST_P(ChildTest, waited_for_cannot_be_signalled) {
    Child child = start({"exit", "7"});
    EXPECT_EQ(child.wait()->code(), 7);
    auto sent = child.kill();
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code, std::errc::no_such_process);
    EXPECT_EQ(sent.error().step, Step::send_signal);
}

TEST_P(ChildTest, bad_signal_is_refused) {
    Child child = start({"never"});
    auto sent = child.send_signal(1000);
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code, std::errc::invalid_argument);
    EXPECT_TRUE(child.kill());
    EXPECT_TRUE(child.wait());
}

TEST_P(ChildTest, moving_keeps_the_process) {
    Child first = start({"exit", "3"});
    pid_t pid = first.pid();
    Child second = std::move(first);
    EXPECT_EQ(second.pid(), pid);
    Child third = start({"exit", "4"});
    EXPECT_EQ(third.wait()->code(), 4);
    third = std::move(second);
    EXPECT_EQ(third.pid(), pid);
    EXPECT_EQ(third.wait()->code(), 3);
    EXPECT_EQ(first.wait().error().code, std::errc::no_child_process);
}

TEST_P(ChildTest, destroying_an_ended_child_reaps_it) {
    Child child = start({"exit", "0"});
    pid_t pid = child.pid();
    siginfo_t info{};
    ASSERT_EQ(waitid(P_PIDFD, static_cast<id_t>(child.pidfd()), &info, WEXITED | WNOWAIT), 0);
    { Child gone = std::move(child); }
    EXPECT_EQ(waitpid(pid, nullptr, WNOHANG), -1);
}

TEST_P(ChildTest, destroying_a_running_child_lets_it_run) {
    pid_t pid;
    {
        Child child = start({"never"});
        pid = child.pid();
    }
    int status;
    EXPECT_EQ(waitpid(pid, &status, WNOHANG), 0);
    kill(pid, SIGKILL);
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
}

TEST_P(ChildTest, waiting_goes_on_after_a_signal_handler) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "the thread sanitizer keeps signals from their handlers until a call that it "
                    "knows; the library waits by syscall(2), so the handler would never run";
#endif
    struct sigaction action {
    }, old;
    static pid_t pid;
    static int alarms;
    // The third signal that interrupts the wait ends the child.
    action.sa_handler = [](int) {
        if (++alarms == 3)
            kill(pid, SIGKILL);
    };
    sigaction(SIGALRM, &action, &old);
    alarms = 0;
    Child child = start({"never"});
    pid = child.pid();
    itimerval timer{.it_interval = {0, 10'000}, .it_value = {0, 10'000}};
    setitimer(ITIMER_REAL, &timer, nullptr);
    EXPECT_EQ(child.wait()->signal(), SIGKILL);
    EXPECT_GE(alarms, 3);
    timer = {};
    setitimer(ITIMER_REAL, &timer, nullptr);
    sigaction(SIGALRM, &old, nullptr);
}

TEST_P(ChildTest, destroying_keeps_errno) {
    struct sigaction ignore {
    }, old;
    ignore.sa_handler = SIG_IGN;
    {
        Child child = start({"never"});
        sigaction(SIGCHLD, &ignore, &old);
        EXPECT_TRUE(child.kill());
        siginfo_t info;
        EXPECT_EQ(waitid(P_PIDFD, static_cast<id_t>(child.pidfd()), &info, WEXITED), -1);
        errno = ENOTTY;
    }
    EXPECT_EQ(errno, ENOTTY);
    sigaction(SIGCHLD, &old, nullptr);
}

TEST_P(ChildTest, ignored_sigchld_loses_the_status_but_not_the_start) {
    struct sigaction ignore {
    }, old;
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGCHLD, &ignore, &old);
    Template program = must_open(payload("exit0"));
    // The child may end before, while or after it gets its pidfd.
    for (int i = 0; i < repetitions(50); ++i) {
        auto child = program.spawn();
        ASSERT_TRUE(child) << child.error().message();
        auto status = child->wait();
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error().code, std::errc::no_child_process);
        EXPECT_EQ(status.error().step, Step::wait);
    }
    sigaction(SIGCHLD, &old, nullptr);
}

TEST_P(ChildTest, wait_for_comes_back_when_the_time_is_over) {
    Child child = start({"never"});
    for (auto time : {-1h, 0h})
        EXPECT_EQ(child.wait_for(time).value(), std::nullopt);
    auto before = Clock::now();
    EXPECT_EQ(child.wait_for(50ms).value(), std::nullopt);
    EXPECT_GE(Clock::now() - before, 50ms);
    EXPECT_EQ(child.wait_until(Clock::now() - 1h).value(), std::nullopt);
    EXPECT_EQ(child.wait_until(Clock::time_point::min()).value(), std::nullopt);
    EXPECT_TRUE(child.kill());
    EXPECT_EQ(child.wait_for(1h).value()->signal(), SIGKILL);
    EXPECT_EQ(child.wait_for(0ns).value()->signal(), SIGKILL) << "it was waited for already";
}

TEST_P(ChildTest, wait_for_comes_back_when_the_child_ends) {
    EXPECT_EQ(start({"exit", "3"}).wait_for(1h), ExitStatus::exited(3));
    EXPECT_EQ(start({"exit", "4"}).wait_for(std::chrono::nanoseconds::max()),
              ExitStatus::exited(4));
    EXPECT_EQ(start({"exit", "5"}).wait_until(Clock::time_point::max()), ExitStatus::exited(5));
}

TEST_P(ChildTest, wait_for_sleeps) {
    Child child = start({"never"});
    rusage before{}, after{};
    getrusage(RUSAGE_THREAD, &before);
    EXPECT_EQ(child.wait_for(100ms).value(), std::nullopt);
    getrusage(RUSAGE_THREAD, &after);
    EXPECT_LE(after.ru_nvcsw - before.ru_nvcsw, 2);
    EXPECT_TRUE(child.kill());
    EXPECT_TRUE(child.wait());
}

TEST_P(ChildTest, usage_is_known_after_the_wait) {
    Child child = start({"exit", "0"});
    EXPECT_EQ(child.usage(), std::nullopt);
    EXPECT_TRUE(child.wait());
    ASSERT_TRUE(child.usage());
    EXPECT_GT(child.usage()->max_rss, 64U * 1024);
    std::uint64_t bound = std::uint64_t{64} * 1024 * 1024;
    // Until its exec the child of another backend has this program's memory, which counts.
    if (backend() != "kernel") {
        rusage own{};
        getrusage(RUSAGE_SELF, &own);
        bound = std::max(bound, static_cast<std::uint64_t>(own.ru_maxrss) * 1024);
    }
    EXPECT_LE(child.usage()->max_rss, bound);
}

TEST_P(ChildTest, usage_counts_time_and_the_children_it_waited_for) {
    std::string loop = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done";
    auto child = must_open("/bin/sh").spawn(Command({"-c", "(" + loop + "); exit 0"}));
    ASSERT_TRUE(child) << child.error().message();
    EXPECT_TRUE(child->wait()->success());
    EXPECT_GE(child->usage()->user_time + child->usage()->system_time, 2ms);
}

TEST_P(ChildTest, detached_is_nobodys) {
    Child child = start({"never"});
    pid_t pid = child.pid();
    child.stop_at_end(StopPolicy::killing());
    child.detach();
    EXPECT_EQ(child.pidfd(), -1);
    EXPECT_EQ(child.kill().error().code, std::errc::no_such_process);
    EXPECT_EQ(child.wait().error().code, std::errc::no_child_process);
    EXPECT_EQ(child.wait_for(1h).error().code, std::errc::no_child_process);
    EXPECT_EQ(child.stop(StopPolicy::killing()).error().code, std::errc::no_such_process);
    { Child gone = std::move(child); }
    EXPECT_EQ(waitpid(pid, nullptr, WNOHANG), 0) << "it has ended";
    kill(pid, SIGKILL);
    EXPECT_EQ(waitpid(pid, nullptr, 0), pid);
}

}  // namespace
}  // namespace spawntpl::tests
