// SPDX-License-Identifier: MIT
//
// Ending children and their descendants: stop policies and trees of processes.
#include "support.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using namespace std::chrono_literals;

constexpr auto for_ever = std::chrono::milliseconds::max();

/// Ignores a signal, and so do the children that are started meanwhile.
class IgnoredSignal {
public:
    explicit IgnoredSignal(int number) : number_(number), old_(signal(number, SIG_IGN)) {}
    IgnoredSignal(const IgnoredSignal&) = delete;
    ~IgnoredSignal() { signal(number_, old_); }

private:
    int number_;
    void (*old_)(int);
};

class Stop : public BackendTest {
protected:
    Child start(std::vector<std::string> args, Command command = {}) const {
        return must_start(payload("end"), command.args(std::move(args)));
    }

    /// One that has to be killed.
    Child start_stubborn() const {
        IgnoredSignal ignored(SIGTERM);
        return start({"never"});
    }

    Child start_shell(const std::string& script, Command command = {}) const {
        return must_start("/bin/sh", command.args({"-c", script}));
    }

    /// Starts the payload `tree` and waits until @p leaves of its processes are there.
    Child start_tree(const std::string& letters, Command command = {}, int leaves = 1) const {
        Child child = must_start(payload("tree"), command.args({letters}).pipe_from_child(1));
        wait_for_bytes(child, leaves);
        return child;
    }

    static void wait_for_bytes(const Child& child, int count) {
        char byte;
        while (count-- > 0)
            EXPECT_EQ(read(child.pipe(1), &byte, 1), 1);
    }

    /// All that have its standard output have ended. Waits for ever for one that has not.
    static void expect_no_writer(const Child& child) { EXPECT_EQ(read_all(child.pipe(1)), ""); }

    /// It and all that have its standard output.
    static void expect_tree_dies(Child& child) {
        EXPECT_TRUE(child.kill_tree());
        EXPECT_EQ(child.wait()->signal(), SIGKILL);
        expect_no_writer(child);
    }

    static void end(Child& child) {
        EXPECT_TRUE(child.kill());
        EXPECT_EQ(child.wait()->signal(), SIGKILL);
    }

private:
    Child must_start(const std::string& program, const Command& command) const {
        auto child = must_open(program).spawn(command);
        EXPECT_TRUE(child) << child.error().message();
        return std::move(*child);
    }
};
FOR_EACH_WAY(Stop);

TEST_P(Stop, waits_first) {
    EXPECT_EQ(start({"exit", "5"}).stop({.wait = for_ever, .terminate = 0ms, .kill = 0ms}),
              ExitStatus::exited(5));
}

TEST_P(Stop, then_terminates) {
    for (StopPolicy policy : {StopPolicy{.wait = 1ms, .terminate = for_ever, .kill = 0ms},
                              StopPolicy{.terminate = for_ever}})
        EXPECT_EQ(start({"never"}).stop(policy)->signal(), SIGTERM);
}

TEST_P(Stop, then_kills) {
    for (StopPolicy policy :
         {StopPolicy{.wait = 1ms, .terminate = 1ms, .kill = for_ever},
          StopPolicy{.terminate = 1ms, .kill = for_ever}, StopPolicy{.wait = 0ms, .kill = 1h}})
        EXPECT_EQ(start_stubborn().stop(policy)->signal(), SIGKILL);
}

TEST_P(Stop, kills_at_once) {
    EXPECT_EQ(start({"never"}).stop(StopPolicy::killing())->signal(), SIGKILL);
}

TEST_P(Stop, gives_time_to_clean_up) {
    // Not in a read: a shell that gets the signal just before it blocks there would not see it.
    Child child =
        start_shell("trap 'exit 7' TERM; echo; while :; do :; done", Command().pipe_from_child(1));
    wait_for_bytes(child, 1);
    EXPECT_EQ(child.stop({.terminate = for_ever, .kill = 0ms})->code(), 7);
}

TEST_P(Stop, without_an_end_is_an_error_and_the_child_runs_on) {
    Child child = start_stubborn();
    for (StopPolicy policy :
         {StopPolicy{}, StopPolicy{.wait = 1ms}, StopPolicy{.terminate = 1ms}}) {
        auto status = child.stop(policy);
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error().code, std::errc::timed_out);
        EXPECT_EQ(status.error().step, Step::wait);
        EXPECT_EQ(child.try_wait().value(), std::nullopt);
    }
    end(child);
}

TEST_P(Stop, of_one_that_was_waited_for_tells_its_status) {
    Child child = start({"exit", "3"});
    EXPECT_TRUE(child.wait());
    EXPECT_EQ(child.stop({.terminate = 0ms})->code(), 3);
    EXPECT_EQ(child.stop(StopPolicy::killing())->code(), 3);
}

TEST_P(Stop, ends_a_stopped_child) {
    Child child = start({"never"});
    EXPECT_TRUE(child.send_signal(SIGSTOP));
    siginfo_t info{};
    ASSERT_EQ(waitid(P_PIDFD, static_cast<id_t>(child.pidfd()), &info, WSTOPPED | WNOWAIT), 0);
    EXPECT_EQ(child.stop({.terminate = 1ms, .kill = for_ever})->signal(), SIGKILL);
}

// CleanTest notices a child that is left.

TEST_P(Stop, at_end_of_a_running_child) {
    Child child = start({"never"});
    child.stop_at_end(StopPolicy::killing());
}

TEST_P(Stop, at_end_of_one_that_has_ended) {
    Child child = start({"exit", "0"});
    child.stop_at_end({.wait = for_ever});
}

TEST_P(Stop, at_end_moves_with_the_child) {
    Child first = start({"never"});
    first.stop_at_end({.terminate = for_ever});
    Child second = std::move(first);
    second = start({"never"});
    second.stop_at_end(StopPolicy::killing());
    Child third = start({"exit", "0"});
    EXPECT_TRUE(third.wait());
    third = std::move(second);
}

TEST_P(Stop, at_end_closes_the_pipes_first) {
    // One that writes to a full pipe ends by itself when nobody can read it any more.
    Child child = must_open(payload("flood"))
                      .spawn(Command({"0", "1"}).pipe_from_child(1).signal_defaults({SIGPIPE}))
                      .value();
    child.stop_at_end({.wait = for_ever});
}

TEST_P(Stop, at_end_that_is_not_reached_lets_it_run) {
    pid_t pid;
    {
        Child child = start_stubborn();
        pid = child.pid();
        child.stop_at_end({.terminate = 1ms});
    }
    EXPECT_EQ(waitpid(pid, nullptr, WNOHANG), 0);
    kill(pid, SIGKILL);
    EXPECT_EQ(waitpid(pid, nullptr, 0), pid);
}

TEST_P(Stop, at_end_is_not_for_copies_of_the_program) {
    Child child =
        start_shell("read line; echo $line", Command().pipe_to_child(0).pipe_from_child(1));
    child.stop_at_end(StopPolicy::killing());
    pid_t copy = fork();
    if (copy == 0) {
        { Child moved = std::move(child); }
        _exit(0);
    }
    EXPECT_EQ(waitpid(copy, nullptr, 0), copy);
    EXPECT_EQ(write(child.pipe(0), "on\n", 3), 3);
    EXPECT_EQ(read_all(child.pipe(1)), "on\n");
    EXPECT_TRUE(child.wait()->success());
}

TEST_P(Stop, tree_of_a_child_alone) {
    Child child = start({"never"});
    EXPECT_TRUE(child.kill_tree());
    EXPECT_EQ(child.wait()->signal(), SIGKILL);
    auto again = child.kill_tree();
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, std::errc::no_such_process);
}

TEST_P(Stop, tree_of_grandchildren) {
    Child child = start_tree("fff");
    expect_tree_dies(child);
}

TEST_P(Stop, tree_of_many) {
    Child child = start_tree("ww", {}, 25);
    expect_tree_dies(child);
}

TEST_P(Stop, tree_across_groups_and_sessions) {
    Child child = start_tree("fgfsfgf");
    expect_tree_dies(child);
}

TEST_P(Stop, tree_with_orphans_in_the_childs_group) {
    Child child = start_tree("fofo", Command().process_group());
    expect_tree_dies(child);
}

TEST_P(Stop, tree_with_orphans_in_a_descendants_group) {
    Child child = start_tree("fgffo");
    expect_tree_dies(child);
}

TEST_P(Stop, tree_with_orphans_in_the_childs_session) {
    Child child = start_tree("fogfo", Command().new_session());
    expect_tree_dies(child);
}

TEST_P(Stop, tree_of_a_child_that_has_ended) {
    // Its number is its group's until it is waited for.
    Child child = start_tree("of", Command().process_group());
    siginfo_t info{};
    ASSERT_EQ(waitid(P_PIDFD, static_cast<id_t>(child.pidfd()), &info, WEXITED | WNOWAIT), 0);
    EXPECT_TRUE(child.kill_tree());
    EXPECT_EQ(child.wait()->code(), 0);
    expect_no_writer(child);
}

TEST_P(Stop, tree_that_forks_without_end) {
    // Each process of the storm ends as soon as it has a child, so none is there for long.
    for (int i = 0; i < repetitions(5); ++i) {
        Child child = start_tree("fwh", Command().process_group(), 5);
        expect_tree_dies(child);
    }
}

TEST_P(Stop, tree_gets_any_signal) {
    Child child = start_tree("wf", {}, 5);
    EXPECT_EQ(child.signal_tree(1000).error().code, std::errc::invalid_argument);
    EXPECT_TRUE(child.signal_tree(SIGHUP));
    EXPECT_EQ(child.wait()->signal(), SIGHUP);
    expect_no_writer(child);
    EXPECT_EQ(child.signal_tree(SIGHUP).error().code, std::errc::no_such_process);
}

TEST_P(Stop, tree_is_terminated) {
    Child child = start_tree("ww", {}, 25);
    EXPECT_EQ(child.stop({.terminate = for_ever, .tree = true})->signal(), SIGTERM);
    expect_no_writer(child);
}

TEST_P(Stop, tree_is_killed_by_a_policy) {
    Child child = [&] {
        IgnoredSignal ignored(SIGTERM);
        return start_tree("wff", {}, 5);
    }();
    EXPECT_EQ(child.stop({.terminate = 1ms, .kill = for_ever, .tree = true})->signal(), SIGKILL);
    expect_no_writer(child);
}

TEST_P(Stop, tree_is_killed_at_end) {
    Pipe pipe = make_pipe();
    {
        Child child =
            must_open(payload("tree")).spawn(Command({"ff"}).fd(1, pipe.write.get())).value();
        pipe.write.reset();
        char byte;
        EXPECT_EQ(read(pipe.read.get(), &byte, 1), 1);
        child.stop_at_end({.kill = for_ever, .tree = true});
    }
    EXPECT_EQ(read_all(pipe.read.get()), "");
}

TEST_P(Stop, of_the_child_alone_leaves_its_descendants) {
    Child child = start_tree("f", Command().process_group());
    EXPECT_EQ(child.stop(StopPolicy::killing())->signal(), SIGKILL);
    // The group is there as long as somebody is in it.
    EXPECT_EQ(kill(-child.pid(), SIGKILL), 0);
    expect_no_writer(child);
}

TEST_P(Stop, relatives_that_are_no_descendants_live) {
    Child sibling = start_tree("f");
    Child child = start_tree("f");
    EXPECT_TRUE(child.kill_tree());
    EXPECT_TRUE(child.wait());
    EXPECT_EQ(sibling.try_wait().value(), std::nullopt);
    EXPECT_TRUE(sibling.kill_tree());
    EXPECT_TRUE(sibling.wait());
    expect_no_writer(sibling);
}

}  // namespace
}  // namespace spawntpl::tests
