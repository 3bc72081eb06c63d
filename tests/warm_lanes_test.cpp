// SPDX-License-Identifier: MIT
//
// The children that wait for their starts: each gets its own request, and nobody else's.
#include "warm_protocol.hpp"
#include "warm_support.hpp"

#include <mutex>
#include <set>
#include <thread>

#include <linux/io_uring.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

class WarmLanes : public WarmTest {
protected:
    /// Whether it was warm. It must be right in any case.
    static bool echo(const Template& program, const std::string& word,
                     const Command& attributes = {}) {
        Command command = attributes;
        Output output = start(program, command.arg(word));
        EXPECT_EQ(output.status, ExitStatus::exited(0));
        EXPECT_EQ(output.out, word + "\n");
        return output.backend == "warm";
    }

    /// The children that wait, when there is one.
    static std::vector<pid_t> waiting_children() {
        std::vector<pid_t> waiting = wait_for_children(2);
        waiting.erase(waiting.begin());
        return waiting;
    }

    /// Until all that wait now have had their turn.
    static constexpr int starts_of_a_round = detail::warm_lanes;
};

TEST_F(WarmLanes, signal_to_the_process_group_is_not_for_those_who_wait) {
    in_another_process([] {
        ASSERT_EQ(setpgid(0, 0), 0);
        Template program = allowed("/bin/echo");
        for (int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGTSTP}) {
            signal(number, [](int) {});
            EXPECT_TRUE(echo(program, "before"));
            waiting_children();
            ASSERT_EQ(kill(0, number), 0);
            EXPECT_TRUE(echo(program, "after"));
        }
    });
}

TEST_F(WarmLanes, child_is_of_the_process_group_of_its_caller) {
    Template cut = allowed("/bin/sh");
    same(cut, "/bin/sh", Command({"-c", "cut -d' ' -f5 /proc/self/stat"}));
}

TEST_F(WarmLanes, child_is_in_its_group_when_the_start_returns) {
    in_another_process([] {
        // Of whom nobody waits for children of this group.
        ASSERT_EQ(setpgid(0, 0), 0);
        Template program = allowed("/bin/true");
        for (int i = 0; i < 50; ++i) {
            auto child = value_or_throw(program.spawn());
            EXPECT_EQ(child.why_not_warm(), "");
            siginfo_t info;
            EXPECT_EQ(waitid(P_PGID, static_cast<id_t>(getpgrp()), &info, WEXITED | WNOWAIT), 0);
            EXPECT_EQ(info.si_pid, child.pid());
            EXPECT_TRUE(child.wait());
        }
    });
}

TEST_F(WarmLanes, cgroup_that_is_none_is_no_fault_of_the_template_process) {
    Template program = allowed("/bin/echo");
    EXPECT_TRUE(echo(program, "before"));
    pid_t process = template_process();
    for (int i = 0; i < 6; ++i)
        EXPECT_FALSE(program.spawn(Command({"x"}).cgroup(900)));
    EXPECT_TRUE(echo(program, "after"));
    EXPECT_EQ(template_process(), process);
}

TEST_F(WarmLanes, timer_does_not_keep_a_start_waiting_for_who_is_stopped) {
    in_another_process([] {
        Template program = allowed("/bin/echo");
        EXPECT_TRUE(echo(program, "before"));
        std::vector<pid_t> waiting = waiting_children();
        ASSERT_EQ(kill(template_process(), SIGSTOP), 0);
        for (pid_t child : waiting) {
            ASSERT_EQ(kill(child, SIGKILL), 0);
            siginfo_t info;
            ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
        }
        signal(SIGALRM, [](int) {});
        itimerval often{.it_interval = {0, 10'000}, .it_value = {0, 10'000}};
        setitimer(ITIMER_REAL, &often, nullptr);
        echo(program, "after");
        often = {};
        setitimer(ITIMER_REAL, &often, nullptr);
    });
}

TEST_F(WarmLanes, killed_or_stopped_child_is_replaced) {
    Template program = allowed("/bin/echo");
    // An attribute is answered for, so that the start waits for that.
    for (const Command& attributes : {Command(), Command().umask(027)})
        for (int number : {SIGKILL, SIGSTOP})
            for (int i = 0; i < 3; ++i) {
                EXPECT_TRUE(echo(program, "before", attributes));
                std::vector<pid_t> waiting = waiting_children();
                for (pid_t child : waiting) {
                    ASSERT_EQ(kill(child, number), 0);
                    // Else it may be hit only when it has been started.
                    siginfo_t info;
                    ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info,
                                     WEXITED | WSTOPPED | WNOWAIT),
                              0);
                }
                for (int after = 0; after < starts_of_a_round; ++after)
                    EXPECT_TRUE(echo(program, "after", attributes));
                for (pid_t child : waiting)
                    EXPECT_THAT(children(), testing::Not(testing::Contains(child)));
            }
}

TEST_F(WarmLanes, no_more_children_wait_than_there_are_lanes) {
    Template program = allowed("/bin/echo");
    for (int i = 0; i < 50; ++i)
        EXPECT_TRUE(echo(program, "word"));
    EXPECT_GE(waiting_children().size(), 1U);
    EXPECT_LE(waiting_children().size(), detail::warm_lane_on_demand);
}

TEST_F(WarmLanes, request_that_cannot_be_sent_is_no_fault_of_the_template_process) {
    io_uring_params params{};
    Fd ring(static_cast<int>(syscall(SYS_io_uring_setup, 1, &params)));
    if (!ring)
        GTEST_SKIP() << "no io_uring here";
    Template program = allowed("/bin/echo");
    EXPECT_TRUE(echo(program, "before"));
    pid_t process = template_process();
    for (int i = 0; i < 6; ++i) {
        auto child = value_or_throw(program.spawn(Command({"x"}).null(1).fd(9, ring.get())));
        EXPECT_THAT(child.why_not_warm(), testing::HasSubstr("the request cannot be sent"));
        EXPECT_EQ(child.wait(), ExitStatus::exited(0));
    }
    EXPECT_TRUE(echo(program, "after"));
    EXPECT_EQ(template_process(), process);
}

TEST_F(WarmLanes, others_do_not_wait_for_a_capture) {
    TemplateOptions options = warm_by_process();
    options.ready_args = {"later"};
    Template program = value_or_throw(Template::open(payload("ready"), options));
    std::mutex mutex;
    std::multiset<std::string> reasons;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i)
        threads.emplace_back([&] {
            auto child = value_or_throw(program.spawn(Command().null(STDOUT_FILENO)));
            EXPECT_TRUE(child.wait());
            std::lock_guard lock(mutex);
            reasons.insert(child.why_not_warm());
        });
    // A copy of this process, made meanwhile, has its own.
    usleep(100'000);
    in_another_process([&] {
        auto child = value_or_throw(program.spawn(Command().null(STDOUT_FILENO)));
        EXPECT_EQ(child.why_not_warm(), "");
        EXPECT_TRUE(child.wait());
    });
    threads.clear();
    EXPECT_EQ(reasons.count(""), 1U);
    EXPECT_EQ(reasons.count("the program is being captured"), 2U);
}

TEST_F(WarmLanes, who_needs_a_warm_start_waits_for_a_capture) {
    Template program = value_or_throw(
        Template::open(payload("ready"),
                       {.warm = Warm::required, .ready_args = std::vector<std::string>{"later"}}));
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back(
            [&] { EXPECT_EQ(value_or_throw(spawntpl::run(program, {})).backend, "warm"); });
}

}  // namespace
}  // namespace spawntpl::tests
