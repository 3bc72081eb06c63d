// SPDX-License-Identifier: MIT
//
// The C ABI: each attribute of a child, with each backend that has it.
#include "c_api_support.hpp"

#include <cerrno>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

TEST_P(CApiTest, pseudo_terminal) {
    CommandPointer command = new_command({"-c", "stty size; sleep 0.3"});
    ASSERT_EQ(spawntpl_command_pseudo_terminal(command.get(), 33, 44), 0);
    ChildPointer child = start("sh", command);
    EXPECT_GE(spawntpl_child_terminal(child.get()), 0);
    Fd terminal(spawntpl_child_take_terminal(child.get()));
    EXPECT_EQ(spawntpl_child_terminal(child.get()), -1);
    char text[16] = {};
    EXPECT_EQ(read(terminal.get(), text, sizeof(text)), 7);
    EXPECT_STREQ(text, "33 44\r\n");
    EXPECT_EQ(spawntpl_child_wait(child.get(), nullptr, nullptr), 0);
}

TEST_P(CApiTest, session_and_terminal) {
    Fd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_EQ(unlockpt(master.get()), 0);
    Fd terminal(::open(ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    CommandPointer command = new_command();
    ASSERT_EQ(spawntpl_command_new_session(command.get()), 0);
    ASSERT_EQ(spawntpl_command_controlling_terminal(command.get(), terminal.get()), 0);
    ASSERT_EQ(spawntpl_command_foreground(command.get(), terminal.get()), 0);
    EXPECT_EQ(shell("set -- $(cat /proc/$$/stat); test $1 = $5 -a $1 = $6 -a $1 = $8 && echo leads",
                    command),
              "leads\n");
}

TEST_P(CApiTest, process_group) {
    CommandPointer command = new_command({"never"});
    ASSERT_EQ(spawntpl_command_process_group(command.get(), 0), 0);
    ChildPointer child = start(payload("end"), command);
    EXPECT_EQ(getpgid(spawntpl_child_pid(child.get())), spawntpl_child_pid(child.get()));
    EXPECT_EQ(spawntpl_child_kill(child.get(), nullptr), 0);
    EXPECT_EQ(spawntpl_child_wait(child.get(), nullptr, nullptr), 0);
}

TEST_P(CApiTest, umask) {
    CommandPointer command = new_command();
    ASSERT_EQ(spawntpl_command_umask(command.get(), 0137), 0);
    if (can("file mode creation mask", command)) {
        EXPECT_EQ(shell("umask", command), "0137\n");
    }
}

TEST_P(CApiTest, limits) {
    CommandPointer command = new_command();
    ASSERT_EQ(spawntpl_command_limit(command.get(), RLIMIT_NOFILE, 77, 88), 0);
    if (!can("resource limits", command))
        return;
    EXPECT_EQ(shell("ulimit -n; ulimit -Hn", command), "77\n88\n");
    ASSERT_EQ(spawntpl_command_limit(command.get(), 99, 1, 2), 0);
    spawntpl_error error = c_failure("/bin/sh", command);
    EXPECT_EQ(error.step, SPAWNTPL_STEP_SET_LIMIT);
    EXPECT_EQ(error.index, 1);
}

TEST_P(CApiTest, nice_value) {
    CommandPointer command = new_command();
    ASSERT_EQ(spawntpl_command_nice(command.get(), 7), 0);
    if (can("nice value", command)) {
        EXPECT_EQ(shell("set -- $(cat /proc/$$/stat); echo ${19}", command), "7\n");
    }
}

TEST_P(CApiTest, scheduler) {
    CommandPointer command = new_command();
    ASSERT_EQ(spawntpl_command_scheduler(command.get(), SCHED_BATCH, 0), 0);
    if (can("scheduling policies of Linux", command)) {
        EXPECT_EQ(shell("set -- $(cat /proc/$$/stat); echo ${41}", command),
                  std::to_string(SCHED_BATCH) + "\n");
    }
}

TEST_P(CApiTest, affinity) {
    CommandPointer command = new_command();
    int cpus[] = {0};
    ASSERT_EQ(spawntpl_command_affinity(command.get(), cpus, 1), 0);
    if (can("CPU affinity", command)) {
        EXPECT_EQ(output("nproc", command), "1\n");
    }
}

TEST_P(CApiTest, ids) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can change ids";
    CommandPointer command = new_command();
    gid_t groups[] = {5, 6};
    ASSERT_EQ(spawntpl_command_groups(command.get(), groups, 2), 0);
    ASSERT_EQ(spawntpl_command_group(command.get(), 2345), 0);
    ASSERT_EQ(spawntpl_command_user(command.get(), 1234), 0);
    if (can("user, group, supplementary groups", command)) {
        EXPECT_EQ(shell("id -u; id -G", command), "1234\n2345 5 6\n");
    }
    command = new_command();
    ASSERT_EQ(spawntpl_command_groups(command.get(), nullptr, 0), 0);
    if (can("user, group, supplementary groups", command)) {
        EXPECT_EQ(shell("id -G", command), "0\n");
    }
}

TEST_P(CApiTest, ids_reset) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can change ids";
    CommandPointer command = new_command({"-c", "id -u"});
    ASSERT_EQ(spawntpl_command_reset_ids(command.get()), 0);
    ASSERT_EQ(spawntpl_command_pipe_from_child(command.get(), STDOUT_FILENO), 0);
    TemplatePointer program = c_open("/bin/sh");
    ASSERT_EQ(setresuid(65534, 0, 0), 0);
    ChildPointer child = start(program.get(), command.get());
    ASSERT_EQ(setresuid(0, 0, 0), 0);
    EXPECT_EQ(read_all(spawntpl_child_pipe(child.get(), STDOUT_FILENO)), "65534\n");
    EXPECT_EQ(spawntpl_child_wait(child.get(), nullptr, nullptr), 0);
}

TEST_P(CApiTest, no_new_privileges) {
    CommandPointer command = new_command();
    ASSERT_EQ(spawntpl_command_no_new_privileges(command.get()), 0);
    if (can("no new privileges", command)) {
        EXPECT_EQ(shell("grep NoNewPrivs /proc/self/status", command), "NoNewPrivs:\t1\n");
    }
}

TEST_P(CApiTest, parent_death_signal) {
    CommandPointer command = new_command({"never"});
    EXPECT_EQ(spawntpl_command_parent_death_signal(command.get(), SIGKILL, 2), -EINVAL);
    ASSERT_EQ(
        spawntpl_command_parent_death_signal(command.get(), SIGKILL, SPAWNTPL_PARENT_DEATH_THREAD),
        0);
    if (!can("parent-death signal", command))
        return;
    ChildPointer child;
    std::jthread([&] { child = start(payload("end"), command); }).join();
    spawntpl_status status = new_status();
    EXPECT_EQ(spawntpl_child_wait(child.get(), &status, nullptr), 0);
    EXPECT_EQ(status.signal, SIGKILL);
    EXPECT_EQ(status.code, -1);
    ASSERT_EQ(
        spawntpl_command_parent_death_signal(command.get(), SIGKILL, SPAWNTPL_PARENT_DEATH_PROGRAM),
        0);
    std::jthread([&] {
        EXPECT_EQ(c_failure(payload("end"), command).step, SPAWNTPL_STEP_SET_PARENT_DEATH_SIGNAL);
    }).join();
}

TEST_P(CApiTest, signals) {
    auto status = [&](const char* field, const CommandPointer& command) {
        EXPECT_EQ(spawntpl_command_arg(command.get(), field), 0);
        EXPECT_EQ(spawntpl_command_arg(command.get(), "/proc/self/status"), 0);
        std::string line = output("/bin/grep", command);
        return std::stoull(line.substr(line.find('\t')), nullptr, 16);
    };
    signal(SIGUSR1, SIG_IGN);
    CommandPointer command = new_command();
    ASSERT_EQ(spawntpl_command_signal_mask(command.get(), SPAWNTPL_SIGNAL(SIGHUP)), 0);
    EXPECT_EQ(status("SigBlk", command), SPAWNTPL_SIGNAL(SIGHUP));
    EXPECT_TRUE(status("SigIgn", new_command()) & SPAWNTPL_SIGNAL(SIGUSR1));
    command = new_command();
    ASSERT_EQ(spawntpl_command_signal_defaults(command.get(), SPAWNTPL_SIGNAL(SIGUSR1)), 0);
    EXPECT_FALSE(status("SigIgn", command) & SPAWNTPL_SIGNAL(SIGUSR1));
    signal(SIGUSR1, SIG_DFL);
}

TEST_P(CApiTest, cgroup_and_namespaces) {
    Fd null = open_null();
    CommandPointer command = new_command();
    ASSERT_EQ(spawntpl_command_cgroup(command.get(), null.get()), 0);
    if (can("cgroup from birth", command)) {
        spawntpl_error error = c_failure("/bin/sh", command);
        EXPECT_EQ(error.step, SPAWNTPL_STEP_CLONE);
        EXPECT_EQ(error.code, EBADF);
    }
    command = new_command();
    ASSERT_EQ(spawntpl_command_namespaces(command.get(), CLONE_THREAD), 0);
    if (can("namespaces", command)) {
        EXPECT_EQ(c_failure("/bin/sh", command).step, SPAWNTPL_STEP_REQUEST);
    }
}

}  // namespace
}  // namespace spawntpl::tests
