// SPDX-License-Identifier: MIT
//
// Templates whose children are those of another process: nothing of them is the owner's, and all
// that a Child can do is as ever.
#include "process_stat.hpp"
#include "warm_support.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <thread>

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::atomic<int> ends_seen;

/// Counts the signals that tell of a child's end.
class CountedEnds {
public:
    CountedEnds() {
        ends_seen = 0;
        struct sigaction action {};
        action.sa_handler = [](int) { ++ends_seen; };
        action.sa_flags = SA_RESTART;
        sigaction(SIGCHLD, &action, &old_);
    }

    CountedEnds(const CountedEnds&) = delete;

    ~CountedEnds() { sigaction(SIGCHLD, &old_, nullptr); }

private:
    struct sigaction old_;
};

class WarmBroker : public WarmTest {
protected:
    static Template brokered(const std::string& program, TemplateOptions options = {}) {
        options.warm = Warm::required;
        options.broker = true;
        return value_or_throw(Template::open(program, options));
    }

    static Child start_child(const Template& program, const Command& command = {}) {
        auto child = value_or_throw(program.spawn(command));
        EXPECT_TRUE(child.has_broker());
        return child;
    }

    static pid_t broker_of(const Child& child) {
        auto stat = detail::read_stat(child.pid());
        return stat ? stat->parent : -1;
    }

    static Fd open_process(pid_t pid) {
        return Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    }

    static void expect_no_children() {
        EXPECT_EQ(waitpid(-1, nullptr, WNOHANG | __WALL), -1);
        EXPECT_EQ(errno, ECHILD);
        EXPECT_THAT(children(), IsEmpty());
    }

    /// The limit is for a test that fails.
    static bool ends(const Fd& process) {
        pollfd end{.fd = process.get(), .events = POLLIN, .revents = 0};
        constexpr int limit_in_ms = 60'000;
        return poll(&end, 1, limit_in_ms) == 1;
    }

    /// Who waits does not look before there is something to see.
    static void wait_for_end(const Child& child) {
        pollfd end{.fd = child.pidfd(), .events = POLLIN, .revents = 0};
        ASSERT_EQ(poll(&end, 1, -1), 1);
    }
};

TEST_F(WarmBroker, owner_sees_no_children_and_no_ends) {
    CountedEnds ends;
    {
        Template program = brokered(payload("end"));
        for (int i = 0; i < 10; ++i) {
            Child child = start_child(program, Command({"exit", std::to_string(i)}));
            expect_no_children();
            EXPECT_EQ(child.wait(), ExitStatus::exited(i));
        }
        expect_no_children();
    }
    expect_no_children();
    EXPECT_EQ(ends_seen, 0);
}

TEST_F(WarmBroker, ends_are_told_as_they_are) {
    Template program = brokered("/bin/sh"), other = cold("/bin/sh");
    for (const char* script :
         {"exit 0", "exit 7", "exit 255", "kill -TERM $$", "kill -KILL $$", "kill -35 $$",
          "kill -SEGV $$", "ulimit -c unlimited; cd /tmp; kill -QUIT $$"}) {
        Command command({"-c", script});
        command.limit(RLIMIT_CORE, 0, RLIM_INFINITY);
        auto told = start_child(program, command).wait();
        ASSERT_TRUE(told) << script;
        EXPECT_EQ(*told, value_or_throw(value_or_throw(other.spawn(command)).wait())) << script;
    }
}

TEST_F(WarmBroker, what_a_child_has_used_is_told) {
    Child child = start_child(brokered("/bin/sh"),
                              Command({"-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"}));
    EXPECT_EQ(child.wait(), ExitStatus::exited(0));
    ASSERT_TRUE(child.usage());
    EXPECT_GT((child.usage()->user_time + child.usage()->system_time).count(), 0);
    EXPECT_GT(child.usage()->max_rss, 100U * 1024);
}

TEST_F(WarmBroker, child_is_waited_for_and_ended_as_any_other) {
    Template program = brokered("/bin/cat");
    Child child = start_child(program, Command().pipe_to_child(0).pipe_from_child(1));
    EXPECT_EQ(child.try_wait(), std::nullopt);
    EXPECT_EQ(child.wait_for(std::chrono::milliseconds(1)), std::nullopt);
    child.take_pipe(0).reset();
    EXPECT_EQ(child.wait_for(std::chrono::hours(1)), ExitStatus::exited(0));
    EXPECT_EQ(child.wait(), ExitStatus::exited(0));
    EXPECT_EQ(child.kill().error().code, std::errc::no_such_process);

    child = start_child(program, Command().pipe_to_child(0));
    EXPECT_TRUE(child.send_signal(SIGTERM));
    wait_for_end(child);
    EXPECT_EQ(child.try_wait(), ExitStatus::killed(SIGTERM, false));

    child = start_child(program, Command().pipe_to_child(0));
    EXPECT_TRUE(child.kill_tree());
    EXPECT_EQ(child.wait(), ExitStatus::killed(SIGKILL, false));

    child = start_child(program, Command().pipe_to_child(0));
    EXPECT_EQ(child.stop(StopPolicy::killing()), ExitStatus::killed(SIGKILL, false));

    Fd ended;
    {
        Child stopped = start_child(program, Command().pipe_to_child(0));
        stopped.stop_at_end(StopPolicy::killing());
        ended = Fd(dup(stopped.pidfd()));
    }
    EXPECT_TRUE(ends(ended));
}

TEST_F(WarmBroker, detached_child_lives_on) {
    Fd process;
    {
        Child child = start_child(brokered(payload("end")), Command({"never"}));
        process = open_process(child.pid());
        child.detach();
    }
    pollfd end{.fd = process.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&end, 1, 50), 0);
    EXPECT_EQ(syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0), 0);
    EXPECT_TRUE(ends(process));
}

TEST_F(WarmBroker, child_is_of_the_callers_group_and_session_with_another_parent) {
    Template program = brokered("/bin/cat");
    Child child = start_child(program, Command().pipe_to_child(0));
    auto stat = detail::read_stat(child.pid());
    ASSERT_TRUE(stat);
    EXPECT_NE(stat->parent, getpid());
    EXPECT_EQ(stat->group, getpgrp());
    EXPECT_EQ(stat->session, getsid(0));
    auto brokers = detail::read_stat(stat->parent);
    ASSERT_TRUE(brokers);
    EXPECT_NE(brokers->parent, getpid());
    EXPECT_EQ(brokers->group, stat->parent)
        << "what is for the owner's group is not for the broker";
    EXPECT_TRUE(child.kill());
    EXPECT_TRUE(child.wait());
}

TEST_F(WarmBroker, has_what_the_caller_has_now) {
    Template program = brokered("/bin/cat");
    Template other = cold("/bin/cat");
    mode_t mask = umask(0123);
    for (const char* file : {"/proc/self/limits", "/proc/self/cgroup", "/proc/self/cmdline",
                             "/proc/self/environ", "/proc/self/comm"}) {
        auto warm = spawntpl::run(program, Command({file}));
        auto cold = spawntpl::run(other, Command({file}));
        ASSERT_TRUE(warm && cold);
        EXPECT_EQ(warm->out, cold->out);
        EXPECT_EQ(warm->backend, "warm");
    }
    umask(mask);
}

TEST_F(WarmBroker, ends_with_the_last_child_whose_end_it_knows) {
    Fd broker;
    {
        auto child = [&] {
            Template program = brokered(payload("end"));
            Child of_template = start_child(program, Command({"exit", "7"}));
            broker = open_process(broker_of(of_template));
            return of_template;
        }();
        wait_for_end(child);
        EXPECT_EQ(child.wait(), ExitStatus::exited(7));
    }
    EXPECT_TRUE(ends(broker));
}

TEST_F(WarmBroker, children_of_earlier_captures_are_waited_for) {
    Template program = brokered(payload("end"), {.recapture = {.starts = 1}});
    std::vector<Child> children;
    for (int i = 0; i < 4; ++i)
        children.push_back(start_child(program, Command({"exit", std::to_string(i)})));
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(children[static_cast<std::size_t>(i)].wait(), ExitStatus::exited(i));
}

TEST_F(WarmBroker, end_of_a_child_is_lost_with_the_broker_and_said_so) {
    Template program = brokered("/bin/cat");
    for (int attack : {SIGKILL, SIGSTOP}) {
        Child child = start_child(program, Command().pipe_to_child(0));
        Fd broker = open_process(broker_of(child));
        ASSERT_EQ(kill(broker_of(child), attack), 0);
        if (attack == SIGKILL) {
            ASSERT_TRUE(ends(broker));
        }
        EXPECT_EQ(child.try_wait(), std::nullopt) << "it still runs";
        child.take_pipe(0).reset();
        auto status = child.wait();
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error().code, std::errc::no_child_process);
        EXPECT_THAT(status.error().message(), HasSubstr("broker"));
        EXPECT_EQ(child.try_wait().error().code, std::errc::no_child_process);

        Child next = start_child(program);
        EXPECT_EQ(next.wait(), ExitStatus::exited(0));
    }
}

TEST_F(WarmBroker, template_process_that_is_killed_is_replaced) {
    Template program = brokered("/bin/cat");
    Child child = start_child(program, Command().pipe_to_child(0));
    pid_t broker = broker_of(child);
    // The oldest child of the broker.
    std::string path = "/proc/" + std::to_string(broker) + "/task/" + std::to_string(broker);
    ASSERT_EQ(kill(std::stoi(read_file(path + "/children")), SIGKILL), 0);
    EXPECT_EQ(start_child(program).wait(), ExitStatus::exited(0));
    EXPECT_EQ(start_child(program).wait(), ExitStatus::exited(0));
    EXPECT_EQ(start_child(program).wait(), ExitStatus::exited(0));
    // Its broker is still there for it.
    child.take_pipe(0).reset();
    EXPECT_EQ(child.wait(), ExitStatus::exited(0));
}

TEST_F(WarmBroker, owner_that_ends_leaves_its_children_but_no_broker) {
    for (bool by_exec : {false, true}) {
        Pipe pipe = make_pipe();
        pid_t owner = fork();
        if (owner == 0) {
            Template program = brokered(payload("end"));
            Child child = start_child(program, Command({"never"}));
            pid_t pids[] = {child.pid(), broker_of(child)};
            bool told = write(pipe.write.get(), pids, sizeof(pids)) == sizeof(pids);
            if (told && by_exec)
                execl("/bin/sleep", "sleep", "1000", nullptr);
            while (told)
                pause();
            _exit(1);
        }
        pipe.write.reset();
        std::array<pid_t, 2> pids{};
        ASSERT_EQ(read(pipe.read.get(), pids.data(), sizeof(pids)), sizeof(pids));
        Fd child = open_process(pids[0]), broker = open_process(pids[1]);
        if (!by_exec) {
            kill(owner, SIGKILL);
            EXPECT_EQ(waitpid(owner, nullptr, 0), owner);
        }
        EXPECT_TRUE(ends(broker)) << "the broker lives on";
        pollfd end{.fd = child.get(), .events = POLLIN, .revents = 0};
        EXPECT_EQ(poll(&end, 1, 0), 0) << "the child has ended";
        EXPECT_EQ(syscall(SYS_pidfd_send_signal, child.get(), SIGKILL, nullptr, 0), 0);
        EXPECT_TRUE(ends(child));
        if (by_exec) {
            EXPECT_EQ(waitpid(owner, nullptr, WNOHANG | __WALL), 0);
            EXPECT_EQ(kill(owner, SIGKILL), 0);
            EXPECT_EQ(waitpid(owner, nullptr, 0), owner);
        }
    }
}

TEST_F(WarmBroker, ends_with_its_owner_whatever_copies_that_has) {
    Pipe pipe = make_pipe(), hold = make_pipe();
    pid_t owner = fork();
    if (owner == 0) {
        hold.write.reset();
        Template program = brokered("/bin/cat");
        Child child = start_child(program, Command().pipe_to_child(0));
        pid_t broker = broker_of(child);
        if (fork() == 0) {
            // It has the owner's end of the socket.
            char byte;
            static_cast<void>(!read(hold.read.get(), &byte, 1));
            _exit(0);
        }
        static_cast<void>(!write(pipe.write.get(), &broker, sizeof(broker)));
        for (;;)
            pause();
    }
    pid_t pid = -1;
    ASSERT_EQ(read(pipe.read.get(), &pid, sizeof(pid)), sizeof(pid));
    Fd broker = open_process(pid);
    kill(owner, SIGKILL);
    EXPECT_EQ(waitpid(owner, nullptr, 0), owner);
    EXPECT_TRUE(ends(broker));
}

TEST_F(WarmBroker, copy_of_the_owner_has_a_broker_of_its_own) {
    auto program = std::make_optional(brokered("/bin/cat"));
    Child child = start_child(*program, Command().pipe_to_child(0));
    in_another_process([&] {
        Child own = start_child(*program);
        EXPECT_NE(broker_of(own), broker_of(child));
        EXPECT_EQ(own.wait(), ExitStatus::exited(0));
        EXPECT_EQ(child.try_wait().error().code, std::errc::no_child_process);
        program.reset();
    });
    EXPECT_EQ(start_child(*program).wait(), ExitStatus::exited(0));
    child.take_pipe(0).reset();
    EXPECT_EQ(child.wait(), ExitStatus::exited(0));
}

TEST_F(WarmBroker, many_threads) {
    CountedEnds ends;
    Template program = brokered(payload("end"));
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 8; ++thread)
        threads.emplace_back([&, thread] {
            for (int i = 0; i < repetitions(20); ++i) {
                int code = (7 * thread + i) % 256;
                Child child = start_child(program, Command({"exit", std::to_string(code)}));
                EXPECT_EQ(child.wait(), ExitStatus::exited(code));
            }
        });
    threads.clear();
    expect_no_children();
    EXPECT_EQ(ends_seen, 0);
}

TEST_F(WarmBroker, supervisor) {
    Template program = brokered("/bin/sh");
    for (const std::string& loop : event_loops()) {
        auto supervisor =
            value_or_throw(Supervisor::create({.max_running = 4, .event_loop = loop}));
        constexpr int jobs = 20;
        for (int i = 0; i < jobs; ++i) {
            Command command({"-c", "echo $0; exit $0", std::to_string(i)});
            Job job{.program = program, .command = command.pipe_from_child(1)};
            if (i == 7) {
                job.command = Command({"-c", "exec sleep 1000"});
                job.time_limit = std::chrono::milliseconds(20);
            }
            ASSERT_TRUE(supervisor.submit(std::move(job)));
        }
        int seen = 0;
        while (auto result = value_or_throw(supervisor.next())) {
            ++seen;
            ASSERT_TRUE(result->status);
            if (result->end == JobEnd::timed_out) {
                EXPECT_FALSE(result->status->success());
                continue;
            }
            EXPECT_EQ(result->output[1].bytes, std::to_string(*result->status->code()) + "\n");
            EXPECT_EQ(result->backend, "warm");
        }
        EXPECT_EQ(seen, jobs);
        expect_no_children();
    }
}

TEST_F(WarmBroker, ignored_ends_of_children_are_told) {
    signal(SIGCHLD, SIG_IGN);
    Template program = brokered(payload("end"));
    EXPECT_EQ(start_child(program, Command({"exit", "7"})).wait(), ExitStatus::exited(7));
    signal(SIGCHLD, SIG_DFL);
}

TEST_F(WarmBroker, program_that_says_when_it_is_ready) {
    Template program = brokered(payload("ready"), {.ready_args = {{"to the point"}}});
    for (int i = 0; i < 3; ++i) {
        Child child = start_child(program, Command({"word"}).pipe_from_child(1));
        EXPECT_NE(read_all(child.pipe(1)), "");
        EXPECT_TRUE(child.wait());
    }
}

TEST_F(WarmBroker, none_where_orphans_become_the_callers) {
    in_another_process([] {
        ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        auto child = brokered("/bin/true").spawn();
        ASSERT_FALSE(child);
        EXPECT_EQ(child.error().code, std::errc::not_supported);
        EXPECT_THAT(child.error().message(), HasSubstr("orphans become children"));
    });
}

TEST_F(WarmBroker, is_for_warm_starts_alone) {
    auto never = Template::open("/bin/true", {.broker = true});
    ASSERT_FALSE(never);
    EXPECT_EQ(never.error().code, std::errc::invalid_argument);
    EXPECT_THAT(never.error().message(), HasSubstr("broker"));
    auto cold =
        value_or_throw(Template::open(payload("exit0"), {.warm = Warm::allowed, .broker = true}));
    auto child = value_or_throw(cold.spawn());
    EXPECT_FALSE(child.has_broker());
    EXPECT_EQ(child.why_not_warm(), "the program is static");
    EXPECT_EQ(child.wait(), ExitStatus::exited(0));
}

}  // namespace
}  // namespace spawntpl::tests
