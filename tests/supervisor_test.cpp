// SPDX-License-Identifier: MIT
//
// Many children from one thread, on each event loop.
#include "support.hpp"

#include <spawntpl/supervisor.hpp>

#include <set>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using namespace std::chrono_literals;

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr StopPolicy kill_tree{.kill = std::chrono::milliseconds::max(), .tree = true};

class SupervisorTest : public CleanTest, public testing::WithParamInterface<std::string> {
protected:
    Supervisor make(SupervisorOptions options = {}) const {
        options.event_loop = GetParam();
        auto made = Supervisor::create(options);
        if (!made) {
            ADD_FAILURE() << made.error().message();
            std::abort();
        }
        return std::move(*made);
    }

    /// Something that ends by itself with a code.
    Job exiting(int code) const { return {end_, Command({"exit", std::to_string(code)})}; }

    Job endless() const { return {end_, Command({"never"})}; }

    Job shell(const std::string& script) const { return {sh_, Command({"-c", script})}; }

    /// Everything that is to come, by job.
    static std::map<JobId, JobResult> finish(Supervisor& supervisor) {
        std::map<JobId, JobResult> results;
        while (true) {
            auto result = supervisor.next();
            if (!result) {
                ADD_FAILURE() << result.error().message();
                return results;
            }
            if (!*result)
                return results;
            JobId id = (*result)->id;
            EXPECT_TRUE(results.emplace(id, std::move(**result)).second) << "twice: " << id;
        }
    }

private:
    const Template end_ = Template::open(payload("end")).value();
    const Template sh_ = Template::open("sh").value();
};

INSTANTIATE_TEST_SUITE_P(EventLoop, SupervisorTest, testing::ValuesIn(event_loops()),
                         backend_test_name);

TEST_P(SupervisorTest, says_which_event_loop_it_uses) {
    EXPECT_EQ(make().event_loop(), GetParam());
    ScopedEnv forced("SPAWNTPL_EVENT_LOOP", GetParam().c_str());
    EXPECT_EQ(Supervisor::create()->event_loop(), GetParam());
}

TEST_P(SupervisorTest, gives_each_status_once) {
    Supervisor supervisor = make({.max_running = 16});
    for (int i = 0; i < repetitions(300); ++i)
        ASSERT_EQ(supervisor.submit(exiting(i % 256)), static_cast<JobId>(i + 1));
    auto results = finish(supervisor);
    EXPECT_THAT(results, SizeIs(repetitions(300)));
    for (const auto& [id, result] : results) {
        ASSERT_TRUE(result.status) << result.status.error().message();
        EXPECT_EQ(result.status->code(), (id - 1) % 256);
        EXPECT_EQ(result.end, JobEnd::ended);
        EXPECT_GT(result.pid, 0);
        EXPECT_GT(result.usage->max_rss, 0u);
        EXPECT_GT(result.duration, 0ns);
        EXPECT_EQ(result.start_retries, 0u);
        EXPECT_THAT(result.output, IsEmpty());
    }
    EXPECT_EQ(supervisor.running(), 0u);
}

TEST_P(SupervisorTest, watches_thousands_at_once) {
    allow_descriptors(4096);
    const std::size_t count = 1000;
    Supervisor supervisor = make({.max_running = count});
    for (std::size_t i = 0; i < count; ++i)
        ASSERT_TRUE(supervisor.submit(endless()));
    EXPECT_EQ(supervisor.running(), count);
    // Not in the order of their starts.
    for (JobId id = count; id > 0; --id)
        EXPECT_TRUE(supervisor.cancel(id, StopPolicy::killing()));
    auto results = finish(supervisor);
    EXPECT_THAT(results, SizeIs(count));
    for (const auto& [id, result] : results) {
        EXPECT_EQ(result.status->signal(), SIGKILL);
        EXPECT_EQ(result.end, JobEnd::cancelled);
    }
}

TEST_P(SupervisorTest, results_come_in_the_order_of_the_ends) {
    Pipe first = make_pipe(), second = make_pipe();
    Supervisor supervisor = make({.max_running = 3});
    auto waits_for = [&](const Pipe& pipe) {
        Job job = shell("read line");
        job.command.fd(STDIN_FILENO, pipe.read.get());
        return job;
    };
    ASSERT_TRUE(supervisor.submit(waits_for(second)));
    ASSERT_TRUE(supervisor.submit(waits_for(first)));
    ASSERT_TRUE(supervisor.submit(exiting(0)));
    EXPECT_EQ((*supervisor.next())->id, 3u);
    first.write.reset();
    EXPECT_EQ((*supervisor.next())->id, 2u);
    second.write.reset();
    EXPECT_EQ((*supervisor.next())->id, 1u);
    EXPECT_EQ(*supervisor.next(), std::nullopt);
}

TEST_P(SupervisorTest, takes_all_that_was_written_before_the_grace_period) {
    Supervisor supervisor = make();
    Job job = shell("head -c 60000 /dev/zero");
    job.command.pipe_from_child(STDOUT_FILENO);
    job.output_grace = 0ms;
    ASSERT_TRUE(supervisor.submit(std::move(job)));
    auto result = supervisor.next();
    ASSERT_TRUE(result && *result);
    EXPECT_EQ((*result)->output[STDOUT_FILENO].bytes.size(), 60000U);
}

TEST_P(SupervisorTest, cancelled_job_takes_nothing_of_the_next) {
    Supervisor supervisor = make();
    for (int i = 0; i < 20; ++i) {
        Job job = shell("echo output");
        job.command.pipe_from_child(STDOUT_FILENO);
        auto cancelled = supervisor.submit(job);
        ASSERT_TRUE(cancelled);
        supervisor.cancel(*cancelled, StopPolicy{});
        auto other = supervisor.submit(job);
        ASSERT_TRUE(other);
        auto results = finish(supervisor);
        EXPECT_EQ(results.at(*other).output[STDOUT_FILENO].bytes, "output\n");
        // It was let go, and the Supervisor may have reaped it.
        waitpid(results.at(*cancelled).pid, nullptr, 0);
    }
}

TEST_P(SupervisorTest, destroyed_in_a_forked_copy_leaves_the_children_alone) {
    Pipe pipe = make_pipe();
    std::optional<Supervisor> supervisor = make();
    Job job = shell("read line");
    job.command.fd(STDIN_FILENO, pipe.read.get());
    ASSERT_TRUE(supervisor->submit(std::move(job)));
    pid_t copy = fork();
    if (copy == 0) {
        supervisor.reset();
        _exit(0);
    }
    EXPECT_EQ(waitpid(copy, nullptr, 0), copy);
    pipe.write.reset();
    auto result = supervisor->next();
    ASSERT_TRUE(result && *result);
    EXPECT_TRUE((*result)->status->code());
}

TEST_P(SupervisorTest, next_until_gives_up) {
    Supervisor supervisor = make();
    ASSERT_TRUE(supervisor.submit(endless()));
    EXPECT_FALSE(*supervisor.next_until(std::chrono::steady_clock::now() + 5ms));
    EXPECT_FALSE(*supervisor.next_until({}));
    EXPECT_FALSE(*supervisor.next_until(std::chrono::steady_clock::time_point::min()));
    EXPECT_FALSE(supervisor.take());
}

TEST_P(SupervisorTest, keeps_to_the_limits) {
    Supervisor supervisor = make({.max_running = 2, .max_queued = 3});
    for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(supervisor.full());
        ASSERT_TRUE(supervisor.submit(endless()));
    }
    EXPECT_EQ(supervisor.running(), 2u);
    EXPECT_EQ(supervisor.queued(), 3u);
    EXPECT_TRUE(supervisor.full());
    auto refused = supervisor.try_submit(endless());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, std::errc::resource_unavailable_try_again);
    EXPECT_EQ(refused.error().message(),
              "cannot run '" + payload("end") +
                  "' as a job: Resource temporarily unavailable (the queue is full)");

    // One that is queued makes a place at once.
    EXPECT_TRUE(supervisor.cancel(4));
    EXPECT_FALSE(supervisor.cancel(4));
    auto cancelled = supervisor.take();
    ASSERT_TRUE(cancelled);
    EXPECT_EQ(cancelled->id, 4u);
    EXPECT_EQ(cancelled->end, JobEnd::cancelled);
    EXPECT_EQ(cancelled->status.error().code, std::errc::operation_canceled);
    EXPECT_TRUE(supervisor.try_submit(exiting(0)));
}

TEST_P(SupervisorTest, submit_blocks_while_the_queue_is_full) {
    Supervisor supervisor = make({.max_running = 1, .max_queued = 0});
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(supervisor.submit(exiting(i)));
        EXPECT_EQ(supervisor.running(), 1u);
    }
    EXPECT_THAT(finish(supervisor), SizeIs(20));
}

TEST_P(SupervisorTest, captures_each_pipe) {
    Supervisor supervisor = make({.max_running = 8});
    for (int i = 0; i < 20; ++i) {
        Job job = shell("echo out " + std::to_string(i) + "; echo err >&2; echo nine >&9");
        job.command.pipe_from_child(1).pipe_from_child(2).pipe_from_child(9);
        ASSERT_TRUE(supervisor.submit(std::move(job)));
    }
    for (auto& [id, result] : finish(supervisor)) {
        EXPECT_EQ(result.output[1].bytes, "out " + std::to_string(id - 1) + "\n");
        EXPECT_EQ(result.output[2].bytes, "err\n");
        EXPECT_EQ(result.output[9].bytes, "nine\n");
        EXPECT_EQ(result.status->code(), 0);
    }
}

TEST_P(SupervisorTest, what_is_over_the_limit_is_dropped_and_counted) {
    Supervisor supervisor = make();
    Job job = shell("head -c 1000000 /dev/zero | tr '\\0' x");
    job.command.pipe_from_child(1);
    job.capture_limit = 100'000;
    ASSERT_TRUE(supervisor.submit(std::move(job)));
    auto result = *supervisor.next();
    EXPECT_EQ(result->output[1].bytes, std::string(100'000, 'x'));
    EXPECT_EQ(result->output[1].dropped, 900'000u);
    EXPECT_TRUE(result->status->success());
}

TEST_P(SupervisorTest, output_can_go_to_a_callback) {
    Supervisor supervisor = make();
    std::string out, err;
    Job job = shell("head -c 200000 /dev/zero; echo err >&2");
    job.command.pipe_from_child(1).pipe_from_child(2);
    job.on_output = [&](JobId id, int target, std::string_view bytes) {
        EXPECT_EQ(id, 1u);
        (target == 1 ? out : err).append(bytes);
    };
    ASSERT_TRUE(supervisor.submit(std::move(job)));
    EXPECT_THAT((*supervisor.next())->output, IsEmpty());
    EXPECT_EQ(out, std::string(200'000, '\0'));
    EXPECT_EQ(err, "err\n");
}

TEST_P(SupervisorTest, on_start_may_feed_the_child) {
    Supervisor supervisor = make();
    Fd input;
    Job job{Template::open("cat").value(), Command().pipe_to_child(0).pipe_from_child(1)};
    job.on_start = [&](JobId, Child& child) { input = child.take_pipe(0); };
    ASSERT_TRUE(supervisor.submit(std::move(job)));
    ASSERT_EQ(write(input.get(), "fed", 3), 3);
    input.reset();
    EXPECT_EQ((*supervisor.next())->output[1].bytes, "fed");
}

TEST_P(SupervisorTest, a_grandchild_that_keeps_the_pipe_holds_nothing_up) {
    Pipe alive = make_pipe();
    Supervisor supervisor = make();
    Job job = shell("echo out; cat <&5 & exit 3");
    job.command.pipe_from_child(1).fd(5, alive.read.get());
    job.output_grace = 50ms;
    ASSERT_TRUE(supervisor.submit(std::move(job)));
    auto result = *supervisor.next();
    EXPECT_EQ(result->output[1].bytes, "out\n");
    EXPECT_EQ(result->status->code(), 3);
    // The grandchild's end: nobody of this program could wait for it.
    alive.write.reset();
}

TEST_P(SupervisorTest, time_limit_stops_a_child) {
    Supervisor supervisor = make();
    Job job = endless();
    job.time_limit = 20ms;
    ASSERT_TRUE(supervisor.submit(job));
    job.command.signal_mask({SIGTERM});
    job.stop = {.terminate = 20ms, .kill = 1h};
    ASSERT_TRUE(supervisor.submit(job));
    auto results = finish(supervisor);
    EXPECT_EQ(results[1].end, JobEnd::timed_out);
    EXPECT_EQ(results[1].status->signal(), SIGTERM);
    EXPECT_EQ(results[2].end, JobEnd::timed_out);
    EXPECT_EQ(results[2].status->signal(), SIGKILL);
}

TEST_P(SupervisorTest, a_child_that_outlives_its_policy_is_reported_and_reaped_later) {
    Supervisor supervisor = make();
    Job job = shell("trap '' TERM; echo ready; while :; do read line; done");
    Pipe silent = make_pipe();
    job.command.fd(0, silent.read.get()).pipe_from_child(1);
    job.stop = {.terminate = 10ms};
    Fd pidfd;
    pid_t pid = 0;
    job.on_start = [&](JobId, Child& child) {
        pidfd = Fd(dup(child.pidfd()));
        pid = child.pid();
    };
    job.on_output = [&](JobId id, int, std::string_view) { supervisor.cancel(id); };
    ASSERT_TRUE(supervisor.submit(std::move(job)));
    auto result = *supervisor.next();
    EXPECT_EQ(result->end, JobEnd::cancelled);
    EXPECT_EQ(result->status.error().code, std::errc::timed_out);
    EXPECT_EQ(supervisor.running(), 0u);
    EXPECT_FALSE(supervisor.cancel(1));

    kill(pid, SIGKILL);
    siginfo_t info;
    ASSERT_EQ(waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOWAIT), 0);
    // The descriptors that others wait for are served, and this child with them.
    while (waitpid(pid, nullptr, WNOHANG | WNOWAIT) != -1) {
        ASSERT_TRUE(supervisor.submit(exiting(0)));
        ASSERT_TRUE(supervisor.next());
    }
}

TEST_P(SupervisorTest, cancelling_can_end_the_whole_tree) {
    Supervisor supervisor = make();
    Pipe pipe = make_pipe();
    Job job = shell("sh -c 'sleep 1000 & sleep 1000' & echo ready >&2; wait");
    job.command.fd(1, pipe.write.get()).pipe_from_child(2);
    job.on_output = [&](JobId id, int, std::string_view) { supervisor.cancel(id, kill_tree); };
    ASSERT_TRUE(supervisor.submit(std::move(job)));
    pipe.write.reset();
    EXPECT_EQ((*supervisor.next())->status->signal(), SIGKILL);
    // The end of file comes when nobody is left.
    EXPECT_THAT(read_all(pipe.read.get()), IsEmpty());
}

TEST_P(SupervisorTest, cancel_all_ends_what_runs_and_what_is_queued) {
    Supervisor supervisor = make({.max_running = 3});
    for (int i = 0; i < 6; ++i)
        ASSERT_TRUE(supervisor.submit(endless()));
    supervisor.cancel_all();
    auto results = finish(supervisor);
    EXPECT_THAT(results, SizeIs(6));
    for (auto& [id, result] : results) {
        EXPECT_EQ(result.end, JobEnd::cancelled);
        EXPECT_EQ(result.status.has_value(), id <= 3) << id;
    }
    EXPECT_FALSE(supervisor.cancel(1));
    EXPECT_FALSE(supervisor.cancel(1000));
}

TEST_P(SupervisorTest, destruction_ends_what_runs) {
    Pipe pipe = make_pipe();
    {
        Supervisor supervisor = make({.max_running = 3});
        for (int i = 0; i < 6; ++i) {
            Job job = endless();
            job.command.fd(1, pipe.write.get()).pipe_from_child(2);
            job.on_end = [](JobResult) { ADD_FAILURE() << "called"; };
            ASSERT_TRUE(supervisor.submit(std::move(job)));
        }
        pipe.write.reset();
    }
    EXPECT_THAT(read_all(pipe.read.get()), IsEmpty());
}

TEST_P(SupervisorTest, a_failed_start_is_a_result) {
    Supervisor supervisor = make();
    Job job = exiting(0);
    job.command.cwd("/nonexistent");
    ASSERT_TRUE(supervisor.submit(job));
    auto result = *supervisor.next();
    EXPECT_EQ(result->end, JobEnd::not_started);
    EXPECT_EQ(result->status.error().step, Step::enter_directory);
    EXPECT_EQ(result->pid, 0);
    EXPECT_EQ(*supervisor.next(), std::nullopt);
}

/// Uses up this program's descriptors but for @p left.
std::vector<Fd> use_up_descriptors(unsigned left) {
    std::vector<Fd> all;
    while (Fd fd = open_null())
        all.push_back(std::move(fd));
    all.resize(all.size() - left);
    return all;
}

TEST_P(SupervisorTest, a_shortage_delays_starts) {
    rlimit old{};
    getrlimit(RLIMIT_NOFILE, &old);
    rlimit low{.rlim_cur = 256, .rlim_max = old.rlim_max};
    Supervisor supervisor = make({.max_running = 50, .start_retry = {.attempts = 3}});
    ASSERT_TRUE(supervisor.submit(exiting(0)));
    ASSERT_TRUE(supervisor.next());
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    {
        // Each child needs some of them while it runs.
        auto used = use_up_descriptors(16);
        for (int i = 0; i < 50; ++i)
            ASSERT_TRUE(supervisor.submit(exiting(7)));
        EXPECT_LT(supervisor.running(), 20u);
        auto results = finish(supervisor);
        unsigned retries = 0;
        for (const auto& [id, result] : results) {
            EXPECT_EQ(result.status->code(), 7);
            retries += result.start_retries;
        }
        EXPECT_THAT(results, SizeIs(50));
        EXPECT_GT(retries, 0u);
    }
    setrlimit(RLIMIT_NOFILE, &old);
}

TEST_P(SupervisorTest, a_shortage_that_lasts_is_reported) {
    rlimit old{};
    getrlimit(RLIMIT_NOFILE, &old);
    rlimit low{.rlim_cur = 256, .rlim_max = old.rlim_max};
    Supervisor supervisor =
        make({.start_retry = {.attempts = 3, .first_delay = 1ms, .longest_delay = 2ms}});
    ASSERT_TRUE(supervisor.submit(exiting(0)));
    ASSERT_TRUE(supervisor.next());
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    auto used = use_up_descriptors(0);
    ASSERT_TRUE(supervisor.submit(exiting(7)));
    EXPECT_EQ(supervisor.queued(), 1u);
    auto result = *supervisor.next();
    EXPECT_EQ(result->end, JobEnd::not_started);
    EXPECT_EQ(result->status.error().code, std::errc::too_many_files_open);
    EXPECT_EQ(result->start_retries, 3u);
    used.clear();
    setrlimit(RLIMIT_NOFILE, &old);
    ASSERT_TRUE(supervisor.submit(exiting(7)));
    EXPECT_EQ((*supervisor.next())->status->code(), 7);
}

TEST_P(SupervisorTest, callbacks_may_submit_but_not_wait) {
    Supervisor supervisor = make({.max_running = 1, .max_queued = 1});
    int ended = 0;
    std::function<void(JobResult)> again = [&](JobResult result) {
        EXPECT_EQ(result.status->code(), ended);
        if (++ended == 10)
            return;
        Job job = exiting(ended);
        job.on_end = again;
        ASSERT_TRUE(supervisor.try_submit(job));
        ASSERT_TRUE(supervisor.full() || supervisor.submit(exiting(ended)));
        EXPECT_EQ(supervisor.submit(exiting(0)).error().code,
                  std::errc::resource_deadlock_would_occur);
    };
    Job job = exiting(0);
    job.on_end = again;
    ASSERT_TRUE(supervisor.submit(job));
    while (supervisor.running() + supervisor.queued() > 0)
        ASSERT_TRUE(supervisor.turn());
    EXPECT_EQ(ended, 10);
    while (supervisor.take()) {
    }
}

/// A coroutine that begins at once and is gone at its end.
struct Detached {
    struct promise_type {
        Detached get_return_object() { return {}; }
        std::suspend_never initial_suspend() { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

Detached run_one_after_the_other(Supervisor& supervisor, std::vector<Job> jobs,
                                 std::vector<JobResult>& results) {
    for (Job& job : jobs)
        results.push_back(co_await supervisor.run(std::move(job)));
}

TEST_P(SupervisorTest, coroutines_can_await_jobs) {
    Supervisor supervisor = make({.max_running = 2, .max_queued = 1});
    std::vector<JobResult> first, second, third, refused;
    run_one_after_the_other(supervisor, {exiting(1), exiting(2), exiting(3)}, first);
    run_one_after_the_other(supervisor, {exiting(4)}, second);
    run_one_after_the_other(supervisor, {exiting(5)}, third);
    run_one_after_the_other(supervisor, {exiting(6)}, refused);
    EXPECT_THAT(first, IsEmpty());
    while (supervisor.running() + supervisor.queued() > 0)
        ASSERT_TRUE(supervisor.turn());
    ASSERT_THAT(first, SizeIs(3));
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(first[static_cast<std::size_t>(i)].status->code(), i + 1);
    EXPECT_EQ(second.at(0).status->code(), 4);
    EXPECT_EQ(third.at(0).status->code(), 5);
    EXPECT_EQ(refused.at(0).end, JobEnd::not_started);
    EXPECT_EQ(refused.at(0).status.error().code, std::errc::resource_unavailable_try_again);
}

TEST_P(SupervisorTest, an_exception_of_a_callback_loses_nothing) {
    Supervisor supervisor = make({.max_running = 10});
    int thrown = 0;
    for (int i = 0; i < 10; ++i) {
        Job job = shell("echo x");
        job.command.pipe_from_child(1);
        job.on_output = [&](JobId, int, std::string_view) {
            ++thrown;
            throw std::runtime_error("thrown");
        };
        ASSERT_TRUE(supervisor.submit(std::move(job)));
    }
    int ended = 0;
    while (supervisor.running() > 0)
        try {
            ended += supervisor.next()->has_value();
        } catch (const std::runtime_error&) {
        }
    while (supervisor.take())
        ++ended;
    EXPECT_EQ(thrown, 10);
    EXPECT_EQ(ended, 10);
}

TEST_P(SupervisorTest, watches_other_descriptors) {
    Supervisor supervisor = make();
    Pipe pipe = make_pipe();
    int called = 0;
    ASSERT_TRUE(supervisor.when_readable(pipe.read.get(), [&] { ++called; }));
    ASSERT_TRUE(supervisor.turn(std::chrono::steady_clock::time_point{}));
    EXPECT_EQ(called, 0);
    ASSERT_EQ(write(pipe.write.get(), "xy", 2), 2);
    while (called == 0)
        ASSERT_TRUE(supervisor.turn());
    // Once, whatever is left to read.
    ASSERT_TRUE(supervisor.turn());
    EXPECT_EQ(called, 1);

    auto forgotten = supervisor.when_readable(pipe.read.get(), [&] { ++called; });
    ASSERT_TRUE(forgotten);
    supervisor.forget(*forgotten);
    ASSERT_TRUE(supervisor.turn());
    EXPECT_EQ(called, 1);

    TemporaryDirectory directory;
    write_file(directory / "file", "x");
    Fd file(open((directory / "file").c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(supervisor.when_readable(file.get(), [&] { ++called; }));
    while (called == 1)
        ASSERT_TRUE(supervisor.turn());
}

TEST_P(SupervisorTest, stopped_and_continued_children_are_not_ended) {
    Supervisor supervisor = make();
    pid_t pid = 0;
    Job job = endless();
    job.on_start = [&](JobId, Child& child) { pid = child.pid(); };
    ASSERT_TRUE(supervisor.submit(std::move(job)));
    for (int i = 0; i < 20; ++i) {
        kill(pid, SIGSTOP);
        ASSERT_TRUE(supervisor.submit(exiting(i)));
        EXPECT_EQ((*supervisor.next())->status->code(), i);
        kill(pid, SIGCONT);
    }
    supervisor.cancel_all();
    EXPECT_EQ((*supervisor.next())->status->signal(), SIGTERM);
}

TEST_P(SupervisorTest, leaves_other_children_alone) {
    Template program = Template::open(payload("end")).value();
    auto other = program.spawn(Command({"exit", "5"}));
    ASSERT_TRUE(other);
    Supervisor supervisor = make();
    for (int i = 0; i < 20; ++i)
        ASSERT_TRUE(supervisor.submit(exiting(0)));
    EXPECT_THAT(finish(supervisor), SizeIs(20));
    EXPECT_EQ(other->wait()->code(), 5);
}

TEST(Supervisor, unknown_event_loop_is_refused) {
    auto made = Supervisor::create({.event_loop = "select"});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().message(),
              "cannot watch children: Invalid argument (no event loop 'select': there are "
              "io_uring, epoll)");
}

}  // namespace
}  // namespace spawntpl::tests
