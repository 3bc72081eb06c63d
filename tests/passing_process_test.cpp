// SPDX-License-Identifier: MIT
//
// A process that shares the memory of a thread and is over when that goes on: what it starts is
// nobody's, and nothing of it is seen.
#include "passing_process.hpp"

#include "support.hpp"

#include <cerrno>
#include <optional>
#include <stdexcept>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

void expect_no_children() {
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG | __WALL), -1);
    EXPECT_EQ(errno, ECHILD);
}

class PassingProcess : public BackendTest {};
FOR_EACH_BACKEND(PassingProcess);

TEST_P(PassingProcess, children_are_its_own_and_then_nobodys) {
    Template program = must_open(payload("end"));
    std::optional<Result<ExitStatus>> status;
    std::optional<Child> left;
    pid_t pid = 0;
    ASSERT_TRUE(detail::in_passing_process([&] {
        pid = getpid();
        status = value_or_throw(program.spawn(Command({"exit", "7"}))).wait();
        left = value_or_throw(program.spawn(Command({"never"})));
    }));
    EXPECT_NE(pid, getpid());
    ASSERT_TRUE(status);
    EXPECT_EQ(*status, ExitStatus::exited(7));
    expect_no_children();
    EXPECT_EQ(left->wait_for(std::chrono::nanoseconds(0)).error().code,
              std::errc::no_child_process);
    EXPECT_TRUE(left->kill());
}

TEST_P(PassingProcess, start_that_fails_is_told) {
    Template program = must_open(payload("end"));
    std::optional<Error> error;
    ASSERT_TRUE(detail::in_passing_process(
        [&] { error = program.spawn(Command().cwd("/nonexistent")).error(); }));
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, std::errc::no_such_file_or_directory);
    expect_no_children();
}

class PassingProcessItself : public CleanTest {};

TEST_F(PassingProcessItself, exceptions_come_to_the_caller) {
    try {
        detail::in_passing_process([] { throw std::runtime_error("thrown there"); });
        FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "thrown there");
    }
    expect_no_children();
}

TEST_F(PassingProcessItself, signals_of_the_group_are_the_callers_alone) {
    static volatile sig_atomic_t calls;
    calls = 0;
    struct sigaction action {
    }, old;
    action.sa_handler = [](int) { calls = calls + 1; };
    sigaction(SIGUSR1, &action, &old);
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, nullptr, &before);
    ASSERT_TRUE(detail::in_passing_process([] { kill(getpid(), SIGUSR1); }));
    pthread_sigmask(SIG_SETMASK, nullptr, &after);
    EXPECT_EQ(calls, 0);
    EXPECT_EQ(sigismember(&before, SIGUSR1), sigismember(&after, SIGUSR1));
    sigaction(SIGUSR1, &old, nullptr);
}

}  // namespace
}  // namespace spawntpl::tests
