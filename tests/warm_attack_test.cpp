// SPDX-License-Identifier: MIT
//
// What other processes and threads do to warm starts: to the template process, to its owner, and to
// the children of both.
#include "warm_attack_support.hpp"

#include <array>
#include <atomic>
#include <fstream>
#include <optional>
#include <thread>

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string proc(pid_t pid, const std::string& name) {
    return "/proc/" + std::to_string(pid) + "/" + name;
}

TEST_F(WarmAttack, other_users_have_no_way_to_the_template_process) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can be another user";
    Template echo = allowed("/bin/echo");
    ASSERT_TRUE(start_echo(echo, "before"));
    pid_t pid = template_process();
    ASSERT_GT(pid, 0);
    in_another_process([pid] {
        constexpr uid_t nobody = 65534;
        ASSERT_EQ(setresgid(nobody, nobody, nobody), 0);
        ASSERT_EQ(setresuid(nobody, nobody, nobody), 0);
        char link[64];
        EXPECT_EQ(readlink(proc(pid, "fd/3").c_str(), link, sizeof(link)), -1);
        EXPECT_EQ(errno, EACCES);
        EXPECT_EQ(open(proc(pid, "mem").c_str(), O_RDWR), -1);
        EXPECT_EQ(errno, EACCES);
        int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
        ASSERT_GE(pidfd, 0);
        EXPECT_EQ(syscall(SYS_pidfd_getfd, pidfd, 3, 0), -1);
        EXPECT_EQ(errno, EPERM);
        EXPECT_EQ(ptrace(PTRACE_ATTACH, pid, 0, 0), -1);
        EXPECT_EQ(errno, EPERM);
        EXPECT_EQ(kill(pid, SIGKILL), -1);
        EXPECT_EQ(errno, EPERM);
    });
    EXPECT_TRUE(start_echo(echo, "after"));
}

TEST_F(WarmAttack, socket_of_the_template_process_has_no_name_to_connect_to) {
    Template echo = allowed("/bin/echo");
    ASSERT_TRUE(start_echo(echo, "before"));
    // Not even for root.
    EXPECT_EQ(open(proc(template_process(), "fd/3").c_str(), O_RDWR | O_CLOEXEC), -1);
    EXPECT_EQ(errno, ENXIO);
}

TEST_F(WarmAttack, children_have_neither_the_socket_nor_what_the_template_process_has) {
    Template sh = allowed("/bin/sh");
    Command command({"-c", "ls /proc/self/fd | wc -l; env"});
    command.env({"PATH=/bin:/usr/bin"});
    EXPECT_THAT(same(sh, "/bin/sh", command), Not(HasSubstr("SPAWNTPL_WARM")));
}

TEST_F(WarmAttack, template_process_that_is_killed_or_stopped_between_starts) {
    Template echo = allowed("/bin/echo");
    for (int signal_number : {SIGKILL, SIGSTOP}) {
        ASSERT_TRUE(start_echo(echo, "before"));
        pid_t pid = template_process();
        ASSERT_EQ(kill(pid, signal_number), 0);
        // Children that were made before may be left for some starts.
        expect_warm_again(echo);
        for (int i = 0; i < 10 && template_process() == pid; ++i)
            expect_warm_again(echo);
        EXPECT_NE(template_process(), pid);
    }
}

TEST_F(WarmAttack, template_process_that_is_killed_or_stopped_during_starts) {
    Template echo = allowed("/bin/echo");
    pid_t owner = gettid();
    for (int signal_number : {SIGKILL, SIGSTOP}) {
        std::atomic<bool> done = false;
        std::jthread attacker([&] {
            pid_t last = 0;
            for (int left = 6; left != 0 && !done; sched_yield()) {
                std::ifstream children("/proc/self/task/" + std::to_string(owner) + "/children");
                pid_t pid = 0;
                // Who stops another child has to continue it, too: one that is still to
                // execute a program, or has only the first of these descriptors.
                if (!(children >> pid) || pid == last ||
                    access(proc(pid, "fd/5").c_str(), F_OK) != 0)
                    continue;
                std::ifstream environment(proc(pid, "environ"));
                std::string entries((std::istreambuf_iterator<char>(environment)), {});
                if (entries.find("SPAWNTPL_WARM=") == std::string::npos)
                    continue;
                usleep(static_cast<useconds_t>(500 * left));
                kill(pid, signal_number);
                last = pid;
                --left;
            }
        });
        for (int i = 0; i < repetitions(100); ++i)
            start_echo(echo, std::to_string(i));
        done = true;
    }
}

TEST_F(WarmAttack, template_process_that_others_have_reaped) {
    Template echo = allowed("/bin/echo");
    ASSERT_TRUE(start_echo(echo, "before"));
    pid_t pid = template_process();
    kill(pid, SIGKILL);
    ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
    expect_warm_again(echo);
}

TEST_F(WarmAttack, others_reap_all_children) {
    Template echo = allowed("/bin/echo");
    std::atomic<bool> done = false;
    std::jthread reaper([&] {
        while (!done)
            if (waitpid(-1, nullptr, WNOHANG) <= 0)
                sched_yield();
    });
    for (int i = 0; i < repetitions(50); ++i) {
        auto child = echo.spawn(Command({"word"}).pipe_from_child(STDOUT_FILENO));
        ASSERT_TRUE(child) << child.error().message();
        EXPECT_EQ(read_all(child->pipe(STDOUT_FILENO)), "word\n");
        auto status = child->wait();
        if (status)
            EXPECT_EQ(*status, ExitStatus::exited(0));
        else
            EXPECT_EQ(status.error().code, std::errc::no_child_process);
    }
    echo = cold("/bin/echo");
    done = true;
}

TEST_F(WarmAttack, ignored_ends_of_children) {
    signal(SIGCHLD, SIG_IGN);
    Template echo = allowed("/bin/echo");
    for (int i = 0; i < repetitions(20); ++i) {
        auto child = echo.spawn(Command({"word"}).pipe_from_child(STDOUT_FILENO));
        ASSERT_TRUE(child) << child.error().message();
        EXPECT_EQ(child->backend(), "warm") << child->why_not_warm();
        EXPECT_EQ(read_all(child->pipe(STDOUT_FILENO)), "word\n");
        EXPECT_EQ(child->wait().error().code, std::errc::no_child_process);
    }
    signal(SIGCHLD, SIG_DFL);
}

TEST_F(WarmAttack, owner_that_is_killed_leaves_its_children_but_no_template_process) {
    ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    Pipe pipe = make_pipe();
    pid_t owner = fork();
    if (owner == 0) {
        Template program = allowed(payload("end"));
        auto child = value_or_throw(program.spawn(Command({"never"})));
        pid_t pids[] = {child.pid(), template_process()};
        bool told = child.backend() == "warm" &&
                    write(pipe.write.get(), pids, sizeof(pids)) == sizeof(pids);
        while (told)
            pause();
        _exit(1);
    }
    pipe.write.reset();
    std::array<pid_t, 2> pids{};
    ASSERT_EQ(read(pipe.read.get(), pids.data(), sizeof(pids)), sizeof(pids));
    auto [child, process] = pids;
    Fd ended(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
    kill(owner, SIGKILL);
    EXPECT_EQ(waitpid(owner, nullptr, 0), owner);
    // The limit is for a test that fails.
    constexpr int limit_in_ms = 60'000;
    pollfd end{.fd = ended.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&end, 1, limit_in_ms), 1) << "the template process lives on";
    kill(process, SIGKILL);
    EXPECT_EQ(waitpid(child, nullptr, WNOHANG), 0) << "the child has ended";
    kill(child, SIGKILL);
    // And others that the owner has left, which end by themselves.
    while (waitpid(-1, nullptr, 0) > 0) {
    }
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST_F(WarmAttack, copy_of_the_owner_has_a_template_process_of_its_own) {
    auto echo = std::make_optional(allowed("/bin/echo"));
    ASSERT_TRUE(start_echo(*echo, "before"));
    pid_t pid = template_process();
    in_another_process([&] {
        EXPECT_TRUE(start_echo(*echo, "of the copy"));
        EXPECT_NE(template_process(), pid);
        echo.reset();
        EXPECT_THAT(children(), IsEmpty());
    });
    in_another_process([&] { echo.reset(); });
    EXPECT_TRUE(start_echo(*echo, "after"));
    EXPECT_EQ(template_process(), pid);
}

TEST_F(WarmAttack, threads_get_the_children_that_they_started) {
    constexpr int threads = 8, each = 25;
    Template echo = allowed("/bin/echo"), other = allowed("/bin/echo");
    std::atomic<int> warm = 0;
    {
        std::vector<std::jthread> running;
        for (int i = 0; i < threads; ++i)
            running.emplace_back([&, i] {
                for (int n = 0; n < each; ++n)
                    warm += start_echo(n % 5 == 0 ? other : echo,
                                       std::to_string(i) + "-" + std::to_string(n));
            });
    }
    EXPECT_GT(warm, threads * each / 2);
}

}  // namespace
}  // namespace spawntpl::tests
