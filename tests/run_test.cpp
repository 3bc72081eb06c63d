// SPDX-License-Identifier: MIT
//
// run(): start, read and wait in one call, whatever the child and its descendants do.
#include "support.hpp"

#include <csignal>
#include <thread>

#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// Several times what a pipe holds.
constexpr std::size_t much = 3 * 1024 * 1024 + 1;

/// What the payload `flood` writes.
std::string flood_bytes(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<char>(i);
    return bytes;
}

class RunTest : public BackendTest {
protected:
    Result<spawntpl::Output> try_run(const std::string& program, const Command& command,
                                     const RunOptions& options = {}) const {
        return spawntpl::run(must_open(program), command, options);
    }

    spawntpl::Output run(const std::string& program, const Command& command,
                         const RunOptions& options = {}) const {
        auto output = try_run(program, command, options);
        EXPECT_TRUE(output) << output.error().message();
        if (BackendTest::options().warm == Warm::never) {
            EXPECT_EQ(output->backend, backend());
        }
        return std::move(*output);
    }

    spawntpl::Output run_shell(const std::string& script, Command command = {},
                               const RunOptions& options = {}) const {
        return run("/bin/sh", command.args({"-c", script}), options);
    }

    spawntpl::Output run_flood(const std::vector<std::string>& args,
                               const RunOptions& options = {}) const {
        return run(payload("flood"), Command(args), options);
    }

    /// A pipe whose reader sees its end when the child and all that it has started are gone.
    Command with_witness(const std::vector<std::string>& args) {
        witness_ = make_pipe();
        return Command(args).fd(witness_number, witness_.write.get());
    }

    /// Waits for ever for one that has not ended.
    void expect_all_ended() {
        witness_.write.reset();
        EXPECT_EQ(read_all(witness_.read.get()), "");
    }

    static constexpr int witness_number = 9;

private:
    Pipe witness_;
};
FOR_EACH_WAY(RunTest);

TEST_P(RunTest, captures_both_streams) {
    auto output = run(payload("say"), Command({"1", "out", "2", "err", "1", "more"}));
    EXPECT_EQ(output.out, "outmore");
    EXPECT_EQ(output.err, "err");
    EXPECT_EQ(output.status, ExitStatus::exited(0));
    EXPECT_TRUE(output.success());
    EXPECT_FALSE(output.out_cut || output.err_cut || output.timed_out || output.left_open);
    EXPECT_GT(output.usage.max_rss, 0U);
}

TEST_P(RunTest, tells_how_it_ended) {
    EXPECT_EQ(run(payload("end"), Command({"exit", "42"})).status.code(), 42);
    EXPECT_EQ(run(payload("end"), Command({"signal", "15"})).status.signal(), SIGTERM);
    EXPECT_FALSE(run(payload("end"), Command({"exit", "1"})).success());
}

TEST_P(RunTest, failed_start_is_its_error) {
    auto output = try_run(payload("exit0"), Command().cwd("/none"));
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().step, Step::enter_directory);
    EXPECT_EQ(output.error().path, "/none");
}

TEST_P(RunTest, streams_that_go_elsewhere_are_not_captured) {
    Pipe pipe = make_pipe();
    auto output = run(payload("say"), Command({"1", "x", "2", "y"}).fd(1, pipe.write.get()));
    pipe.write.reset();
    EXPECT_EQ(output.out, "");
    EXPECT_EQ(output.err, "y");
    EXPECT_EQ(read_all(pipe.read.get()), "x");
    EXPECT_EQ(run(payload("say"), Command({"1", "x", "2", "y"}).null(2)).out, "x");
    EXPECT_EQ(run(payload("say"), Command({"1", "x"}).close(1)).status.code(), 1);
}

TEST_P(RunTest, streams_can_be_one) {
    std::string script = "echo one; echo two >&2; echo three";
    EXPECT_EQ(run_shell(script, Command().same_as(2, 1)).out, "one\ntwo\nthree\n");
    EXPECT_EQ(run_shell(script, Command().same_as(1, 2)).err, "one\ntwo\nthree\n");
}

TEST_P(RunTest, pipes_of_the_command_are_captured) {
    Command command({"1", "x", "2", "y"});
    EXPECT_EQ(run(payload("say"), command.pipe_from_child(2).pipe_from_child(1)).err, "y");
}

TEST_P(RunTest, pipes_that_nobody_serves_are_refused) {
    for (const Command& command :
         {Command().null(0).pipe_to_child(3), Command().null(0).pipe_to_child(1),
          Command().null(0).pipe_from_child(3)}) {
        auto output = try_run(payload("exit0"), command);
        ASSERT_FALSE(output);
        EXPECT_EQ(output.error().code, std::errc::invalid_argument);
        EXPECT_EQ(output.error().step, Step::redirect);
        EXPECT_EQ(output.error().index, 1);
        EXPECT_THAT(output.error().message(), HasSubstr("run() reads from 1 and 2 only"));
    }
}

TEST_P(RunTest, input_larger_than_a_pipe_comes_back) {
    std::string bytes = flood_bytes(much);
    auto output = run("/bin/cat", Command().input(bytes));
    EXPECT_TRUE(output.out == bytes);
    EXPECT_TRUE(output.success());
}

TEST_P(RunTest, input_that_nobody_reads_harms_nobody) {
    EXPECT_TRUE(run(payload("exit0"), Command().input(flood_bytes(much))).success());
}

TEST_P(RunTest, huge_output) {
    auto output = run_flood({"10000001", "1"});
    EXPECT_TRUE(output.out == flood_bytes(10'000'001));
    EXPECT_FALSE(output.out_cut);
}

TEST_P(RunTest, both_streams_full_at_once) {
    std::string bytes = flood_bytes(much);
    for (const char* order : {"1 2", "2 1"}) {
        auto output = run_flood({std::to_string(much), {order[0]}, {order[2]}});
        EXPECT_TRUE(output.out == bytes);
        EXPECT_TRUE(output.err == bytes);
    }
    // One after the other: the first must not have to wait for the end of the second.
    std::string flood = payload("flood") + " " + std::to_string(much);
    auto output = run_shell(flood + " 2; " + flood + " 1");
    EXPECT_TRUE(output.out == bytes);
    EXPECT_TRUE(output.err == bytes);
}

TEST_P(RunTest, streams_that_are_closed_early) {
    EXPECT_EQ(run_shell("echo x; exec >&- 2>&-; exit 3").status.code(), 3);
    EXPECT_EQ(run_shell("exec >&-; echo y >&2").err, "y\n");
}

TEST_P(RunTest, what_is_beyond_the_limit_is_dropped) {
    auto output = run_flood({std::to_string(much), "1", "2"}, {.limit = 70'000});
    EXPECT_TRUE(output.success()) << "the child could not go on";
    EXPECT_TRUE(output.out == flood_bytes(70'000));
    EXPECT_TRUE(output.err == flood_bytes(70'000));
    EXPECT_TRUE(output.out_cut);
    EXPECT_TRUE(output.err_cut);
}

TEST_P(RunTest, limit_itself_is_within_it) {
    auto output = run(payload("say"), Command({"1", "four", "2", "five5"}), {.limit = 4});
    EXPECT_EQ(output.out, "four");
    EXPECT_FALSE(output.out_cut);
    EXPECT_EQ(output.err, "five");
    EXPECT_TRUE(output.err_cut);
    output = run(payload("say"), Command({"1", "x"}), {.limit = 0});
    EXPECT_EQ(output.out, "");
    EXPECT_TRUE(output.out_cut);
    EXPECT_FALSE(output.err_cut);
}

TEST_P(RunTest, child_that_writes_too_much_can_be_ended) {
    auto output = run_flood({"0", "1"}, {.limit = 100'000, .stop_at_limit = true});
    EXPECT_EQ(output.status.signal(), SIGKILL);
    EXPECT_TRUE(output.out == flood_bytes(100'000));
    EXPECT_TRUE(output.out_cut);
    EXPECT_FALSE(output.timed_out);
}

TEST_P(RunTest, child_that_has_no_end_is_ended) {
    auto output = run(payload("end"), Command({"never"}), {.timeout = 10ms});
    EXPECT_EQ(output.status.signal(), SIGKILL);
    EXPECT_TRUE(output.timed_out);
    EXPECT_FALSE(output.left_open);
}

TEST_P(RunTest, child_that_floods_is_ended_in_time) {
    auto output = run_flood({"0", "1", "2"}, {.limit = 5, .timeout = 10ms});
    EXPECT_EQ(output.status.signal(), SIGKILL);
    EXPECT_TRUE(output.timed_out);
}

TEST_P(RunTest, child_that_ends_in_time_is_left_alone) {
    for (auto time : {std::chrono::milliseconds::max(), std::chrono::milliseconds(1h)}) {
        auto output = run(payload("end"), Command({"exit", "3"}), {.timeout = time});
        EXPECT_EQ(output.status.code(), 3);
        EXPECT_FALSE(output.timed_out);
    }
}

TEST_P(RunTest, timeout_ends_the_whole_tree) {
    auto output = run(payload("tree"), with_witness({"wff"}), {.timeout = 50ms});
    EXPECT_TRUE(output.timed_out);
    EXPECT_FALSE(output.left_open);
    expect_all_ended();
}

TEST_P(RunTest, child_that_is_being_ended_is_read) {
    // It writes more than a pipe holds before it ends.
    std::string script = "trap '" + payload("flood") + " " + std::to_string(much) +
                         " 1; exit 7' TERM; echo; while :; do :; done";
    auto output = run_shell(
        script, {}, {.limit = 0, .stop_at_limit = true, .stop = {.terminate = 1h, .kill = 0ms}});
    EXPECT_EQ(output.status.code(), 7);
    EXPECT_TRUE(output.out_cut);
}

TEST_P(RunTest, policy_that_does_not_kill_kills_in_the_end) {
    auto old = signal(SIGTERM, SIG_IGN);
    for (StopPolicy policy :
         {StopPolicy{}, StopPolicy{.wait = 1ms}, StopPolicy{.terminate = 1ms}}) {
        auto output = run(payload("end"), Command({"never"}), {.timeout = 1ms, .stop = policy});
        EXPECT_EQ(output.status.signal(), SIGKILL);
    }
    signal(SIGTERM, old);
}

TEST_P(RunTest, child_that_ends_while_it_is_being_ended) {
    auto output = run_shell("sleep 0.2; exit 5", {}, {.timeout = 1ms, .stop = {.wait = 1h}});
    EXPECT_EQ(output.status.code(), 5);
    EXPECT_TRUE(output.timed_out);
}

TEST_P(RunTest, grandchild_that_holds_the_streams_does_not_hold_the_caller) {
    for (auto grace : {0ms, 20ms}) {
        auto output =
            run_shell("sleep 1000 & echo $$", with_witness({}).process_group(), {.grace = grace});
        EXPECT_TRUE(output.left_open);
        EXPECT_TRUE(output.success());
        EXPECT_FALSE(output.timed_out);
        // The group is there as long as somebody is in it.
        EXPECT_EQ(kill(-std::stoi(output.out), SIGKILL), 0);
        expect_all_ended();
    }
}

TEST_P(RunTest, grandchild_that_floods_does_not_hold_the_caller) {
    auto output =
        run_shell(payload("flood") + " 0 1 & :", with_witness({}), {.limit = 10, .grace = 20ms});
    EXPECT_TRUE(output.left_open);
    EXPECT_TRUE(output.success());
    // It could not write any more.
    expect_all_ended();
}

TEST_P(RunTest, grandchild_that_ends_within_the_grace_period_is_read) {
    auto output = run_shell("(sleep 0.2; echo late) & echo early", {}, {.grace = 1h});
    EXPECT_EQ(output.out, "early\nlate\n");
    EXPECT_FALSE(output.left_open);
}

TEST_P(RunTest, without_a_grace_period_nothing_of_the_child_is_lost) {
    for (int i = 0; i < repetitions(20); ++i) {
        auto output = run_flood({"60000", "1", "2"}, {.grace = 0ms});
        EXPECT_TRUE(output.out == flood_bytes(60'000));
        EXPECT_TRUE(output.err == flood_bytes(60'000));
        EXPECT_FALSE(output.left_open);
    }
}

// When the leader of a session ends, the kernel may drop what its terminal still holds: the pause
// is for the kernel to pass it on.
constexpr const char* pause = "; sleep 0.3";

TEST_P(RunTest, pseudo_terminal_is_captured) {
    Command command = Command().pseudo_terminal({.rows = 5, .columns = 50});
    auto output =
        run_shell("test -t 1 && echo out; echo err >&2" + std::string(pause) + "; exit 4", command);
    EXPECT_EQ(output.out, "out\r\nerr\r\n");
    EXPECT_EQ(output.err, "");
    EXPECT_EQ(output.status.code(), 4);
    EXPECT_FALSE(output.left_open);
}

TEST_P(RunTest, pseudo_terminal_beside_a_pipe) {
    auto output = run_shell("echo out; echo err >&2" + std::string(pause),
                            Command().pseudo_terminal().pipe_from_child(2));
    EXPECT_EQ(output.out, "out\r\n");
    EXPECT_EQ(output.err, "err\n");
}

TEST_P(RunTest, pseudo_terminal_that_is_closed_early_does_not_hang_up) {
    auto output =
        run_shell("echo x; exec <&- >&- 2>&-; sleep 0.2; exit 6", Command().pseudo_terminal());
    EXPECT_EQ(output.status.code(), 6);
    EXPECT_EQ(output.out, "x\r\n");
}

TEST_P(RunTest, pseudo_terminal_without_a_grace_period_loses_nothing) {
    auto output = run_shell("head -c 6000 /dev/zero" + std::string(pause),
                            Command().pseudo_terminal(), {.grace = 0ms});
    EXPECT_EQ(output.out.size(), 6000U);
}

TEST_P(RunTest, signal_handlers_do_not_disturb_it) {
    struct sigaction action {
    }, old;
    static int alarms;
    action.sa_handler = [](int) { ++alarms; };
    sigaction(SIGALRM, &action, &old);
    alarms = 0;
    itimerval timer{.it_interval = {0, 1000}, .it_value = {0, 1000}};
    setitimer(ITIMER_REAL, &timer, nullptr);
    auto output = run_shell(payload("flood") + " 5000000 1 2; sleep 0.1");
    timer = {};
    setitimer(ITIMER_REAL, &timer, nullptr);
    sigaction(SIGALRM, &old, nullptr);
    EXPECT_GT(alarms, 0);
    EXPECT_TRUE(output.out == flood_bytes(5'000'000));
    EXPECT_TRUE(output.err == flood_bytes(5'000'000));
}

TEST_P(RunTest, ignored_sigchld_is_an_error) {
    auto old = signal(SIGCHLD, SIG_IGN);
    auto output = try_run(payload("say"), Command({"1", "x"}));
    signal(SIGCHLD, old);
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().code, std::errc::no_child_process);
    EXPECT_EQ(output.error().step, Step::wait);
}

TEST_P(RunTest, several_threads_at_once) {
    Template program = must_open("/bin/cat");
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&, i] {
            std::string bytes(200'000, static_cast<char>('a' + i));
            for (int n = 0; n < 5; ++n)
                EXPECT_TRUE(spawntpl::run(program, Command().input(bytes))->out == bytes);
        });
}

TEST_P(RunTest, standard_descriptors_that_the_caller_has_closed) {
    std::vector<Fd> saved;
    for (int fd : {0, 1, 2}) {
        saved.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 10));
        close(fd);
    }
    auto output = try_run(payload("say"), Command({"1", "x", "2", "y"}));
    for (int fd : {0, 1, 2})
        dup2(saved[static_cast<std::size_t>(fd)].get(), fd);
    ASSERT_TRUE(output) << output.error().message();
    EXPECT_EQ(output->out, "x");
    EXPECT_EQ(output->err, "y");
}

TEST_P(RunTest, words_are_program_and_arguments) {
    ScopedEnv forced("SPAWNTPL_BACKEND", backend().c_str());
    auto output = spawntpl::run({"echo", "a b", ""});
    ASSERT_TRUE(output) << output.error().message();
    EXPECT_EQ(output->out, "a b \n");
    EXPECT_EQ(output->backend, backend());
    EXPECT_EQ(spawntpl::run({payload("end"), "never"}, {.timeout = 1ms})->status.signal(), SIGKILL);
}

TEST_P(RunTest, words_without_a_program_are_refused) {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{}, {""}, {"no-such-program"}}) {
        auto output = spawntpl::run(words);
        ASSERT_FALSE(output);
        EXPECT_EQ(output.error().step, Step::resolve_program);
        EXPECT_EQ(output.error().code, std::errc::no_such_file_or_directory);
    }
}

TEST(Exceptions, carry_the_error) {
    EXPECT_EQ(value_or_throw(Result<int>(7)), 7);
    value_or_throw(Result<void>());
    try {
        value_or_throw(Template::open("/none"));
        FAIL() << "nothing was thrown";
    } catch (const std::system_error& thrown) {
        const auto& exception = dynamic_cast<const Exception&>(thrown);
        EXPECT_EQ(exception.error().step, Step::resolve_program);
        EXPECT_EQ(exception.error().path, "/none");
        EXPECT_EQ(exception.code(), std::errc::no_such_file_or_directory);
        EXPECT_EQ(exception.what(), exception.error().message());
    }
}

TEST(Exceptions, values_need_no_copy) {
    auto value = value_or_throw(Result<std::unique_ptr<int>>(std::make_unique<int>(3)));
    EXPECT_EQ(*value, 3);
}

}  // namespace
}  // namespace spawntpl::tests
