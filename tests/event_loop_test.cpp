// SPDX-License-Identifier: MIT
//
// The Supervisor, and what it waits with, where memory runs out.
#include "event_loop.hpp"

#include "failing_allocations.hpp"
#include "support.hpp"

#include <spawntpl/supervisor.hpp>

#include <array>

#include <unistd.h>

namespace spawntpl::tests {
namespace {

class EventLoopTest : public CleanTest, public testing::WithParamInterface<std::string> {};
INSTANTIATE_TEST_SUITE_P(EventLoop, EventLoopTest, testing::ValuesIn(event_loops()),
                         backend_test_name);

TEST_P(EventLoopTest, nothing_is_lost_where_memory_runs_out) {
    constexpr detail::Token exit_token = 1, pipe_token = 2;
    Template program = Template::open(payload("end")).value();
    // Each allocation fails in turn, until none is left that could.
    bool has_failed = true;
    for (int nth = 0; has_failed; ++nth) {
        SCOPED_TRACE(nth);
        auto loop = detail::make_event_loop(GetParam()).value();
        Child child = program.spawn(Command({"exit", "0"})).value();
        Pipe pipe = make_pipe();
        ASSERT_EQ(write(pipe.write.get(), "text", 4), 4);
        pipe.write.reset();
        std::vector<detail::Event> events;
        // What allocates nothing itself.
        std::array<int, 3> seen{};
        std::string text;

        FailingAllocation failing(nth);
        auto without_memory = [&](const auto& action) {
            try {
                EXPECT_TRUE(action());
            } catch (const std::bad_alloc&) {
                EXPECT_TRUE(action());
            }
        };
        without_memory([&] { return loop->await_exit(exit_token, child.pidfd()).has_value(); });
        without_memory([&] { return loop->read(pipe_token, pipe.read.get()).has_value(); });
        while (seen[exit_token] + seen[pipe_token] < 2) {
            without_memory(
                [&] { return loop->wait(detail::Clock::time_point::max(), events).has_value(); });
            for (const detail::Event& event : events) {
                EXPECT_EQ(event.error, 0);
                text += event.bytes;
                if (event.bytes.empty()) {
                    EXPECT_EQ(++seen[event.token], 1);
                }
            }
            events.clear();
        }
        has_failed = failing.has_failed();
        EXPECT_EQ(text, "text");
        EXPECT_TRUE(child.wait()->success());
    }
}

TEST_P(EventLoopTest, every_job_has_one_result_where_memory_runs_out) {
    constexpr int jobs = 4;
    Template program = Template::open(payload("end")).value();
    bool has_failed = true;
    for (int nth = 0; has_failed; ++nth) {
        SCOPED_TRACE(nth);
        Supervisor supervisor =
            Supervisor::create({.max_running = 2, .event_loop = GetParam()}).value();
        std::array<int, jobs> submitted{}, ended{};
        Job waiting{.program = program, .command = Command({"exit", "3"}).pipe_from_child(1)};
        waiting.time_limit = std::chrono::hours(1);

        FailingAllocation failing(nth);
        for (int i = 0; i < jobs; ++i) {
            try {
                Job job = waiting;
                if (i % 2)
                    job.on_end = [&, i](JobResult) { ++ended[i]; };
                auto id = supervisor.submit(std::move(job));
                ASSERT_TRUE(id);
                submitted[i] = static_cast<int>(*id);
            } catch (const std::bad_alloc&) {
            }
        }
        for (bool more = true; more;) {
            try {
                auto result = supervisor.next();
                ASSERT_TRUE(result);
                more = result->has_value();
                if (more)
                    for (int i = 0; i < jobs; ++i)
                        ended[i] += static_cast<JobId>(submitted[i]) == (*result)->id;
            } catch (const std::bad_alloc&) {
            }
        }
        while (supervisor.running() + supervisor.queued() > 0) {
            try {
                ASSERT_TRUE(supervisor.turn());
            } catch (const std::bad_alloc&) {
            }
        }
        has_failed = failing.has_failed();
        for (int i = 0; i < jobs; ++i)
            EXPECT_EQ(ended[i], submitted[i] != 0) << "job " << i;
    }
}

}  // namespace
}  // namespace spawntpl::tests
