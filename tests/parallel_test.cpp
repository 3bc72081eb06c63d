// SPDX-License-Identifier: MIT
//
// Starts from several threads at once, and callers that die.
#include "support.hpp"

#include <latch>
#include <thread>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

class Parallel : public BackendTest {};
FOR_EACH_BACKEND(Parallel);

constexpr int threads = 8;

/// Runs @p function(thread number) in several threads that begin together.
template <typename Function>
void in_threads(const Function& function) {
    std::latch start(threads);
    std::vector<std::jthread> all;
    for (int thread = 0; thread < threads; ++thread)
        all.emplace_back([&, thread] {
            start.arrive_and_wait();
            function(thread);
        });
}

TEST_P(Parallel, threads_share_a_template) {
    Template program = must_open(payload("end"));
    in_threads([&](int thread) {
        for (int i = 0; i < repetitions(12); ++i) {
            int code = (thread * 12 + i) % 256;
            EXPECT_EQ(run(program, Command({"exit", std::to_string(code)})).code(), code);
        }
    });
}

TEST_P(Parallel, children_of_threads_get_their_own_descriptors_only) {
    Template program = must_open(payload("show"));
    in_threads([&](int thread) {
        for (int i = 0; i < repetitions(5); ++i) {
            Pipe pipe = make_pipe();
            int target = 3 + thread;
            Shown shown = show(program, Command().fd(target, pipe.write.get()).cwd("/").null(0));
            EXPECT_THAT(shown.fds, testing::SizeIs(4));
            EXPECT_EQ(shown.fds[target], identity(pipe.write.get()));
        }
    });
}

TEST_P(Parallel, failures_and_starts_do_not_mix) {
    Template program = must_open(payload("exit0"));
    in_threads([&](int thread) {
        for (int i = 0; i < repetitions(50); ++i) {
            if (thread % 2)
                EXPECT_EQ(run(program), ExitStatus::exited(0));
            else
                EXPECT_EQ(failure(program, Command().cwd("/nonexistent")).step,
                          Step::enter_directory);
        }
    });
}

TEST_P(Parallel, a_replaced_program_is_followed_by_all_threads) {
    TemporaryDirectory directory;
    copy_program(payload("exit0"), directory / "program");
    Template program = must_open(directory / "program");
    copy_program(payload("end"), directory / "new");
    std::filesystem::rename(directory / "new", directory / "program");
    in_threads([&](int) {
        for (int i = 0; i < 5; ++i)
            EXPECT_EQ(run(program, Command({"exit", "9"})).code(), 9);
    });
}

TEST_P(Parallel, a_program_can_be_replaced_at_any_time) {
    TemporaryDirectory directory;
    std::string path = directory / "program";
    copy_program(payload("exit0"), path);
    copy_program(payload("exit0"), directory / "even");
    copy_program(payload("exit0"), directory / "odd");
    Template program = must_open(path);
    std::jthread replacer([&](std::stop_token stop) {
        // Links, so that nobody has a new program open for writing.
        for (int i = 0; !stop.stop_requested(); ++i) {
            std::filesystem::create_hard_link(directory / (i % 2 ? "odd" : "even"),
                                              directory / "new");
            std::filesystem::rename(directory / "new", path);
        }
    });
    in_threads([&](int) {
        for (int i = 0; i < repetitions(20); ++i)
            EXPECT_EQ(run(program), ExitStatus::exited(0));
    });
}

TEST_P(Parallel, many_children_run_at_once) {
    Template program = must_open(payload("end"));
    std::vector<Child> children;
    for (int i = 0; i < 50; ++i)
        children.push_back(std::move(*program.spawn(Command({"never"}))));
    for (Child& child : children)
        EXPECT_TRUE(child.kill());
    for (Child& child : children)
        EXPECT_EQ(child.wait()->signal(), SIGKILL);
}

/// Reaps the children that another process leaves behind, and says how each ended.
std::vector<ExitStatus> reap_orphans() {
    std::vector<ExitStatus> result;
    siginfo_t info{};
    while (waitid(P_ALL, 0, &info, WEXITED) == 0)
        result.push_back(info.si_code == CLD_EXITED
                             ? ExitStatus::exited(info.si_status)
                             : ExitStatus::killed(info.si_status, info.si_code == CLD_DUMPED));
    return result;
}

TEST_P(Parallel, killed_in_mid_spawn_leaves_only_whole_children) {
    ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    Template storm = must_open(payload("storm"));
    for (int round = 0; round < repetitions(20); ++round) {
        Pipe pipe = make_pipe();
        Command command({backend(), payload("exit0")});
        auto child = storm.spawn(command.fd(STDOUT_FILENO, pipe.write.get()));
        ASSERT_TRUE(child) << child.error().message();
        pipe.write.reset();
        char byte;
        ASSERT_EQ(read(pipe.read.get(), &byte, 1), 1);
        EXPECT_TRUE(child->kill());
        EXPECT_EQ(child->wait()->signal(), SIGKILL);
        // The end of file comes when no process that was started is left.
        read_all(pipe.read.get());
        for (const ExitStatus& status : reap_orphans())
            EXPECT_TRUE(status == ExitStatus::exited(0) || status.signal() == SIGKILL)
                << status.code().value_or(-1) << ' ' << status.signal().value_or(0);
    }
    ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

}  // namespace
}  // namespace spawntpl::tests
