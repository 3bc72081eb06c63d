// SPDX-License-Identifier: MIT
//
// What a Command sets besides arguments, environment, directory and descriptors.
#include "support.hpp"

#include <thread>

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class AttributesTest : public BackendTest {
protected:
    /// Whether the backend can do it, and if not, that it says so and starts nothing.
    bool can(std::string_view feature, const Command& command) const {
        const auto& info = *std::ranges::find(backends(), backend(), &BackendInfo::name);
        // What a child that is allowed to be warm cannot have warm, it has otherwise.
        if (std::ranges::count(info.features, feature) || info.only_on_request)
            return true;
        Error error = failure(must_open(payload("exit0")), command);
        EXPECT_EQ(error.code, std::errc::not_supported);
        EXPECT_EQ(error.step, Step::choose_backend);
        EXPECT_EQ(error.message(),
                  "cannot use backend '" + backend() +
                      "': Operation not supported (it cannot do: " + std::string(feature) + ")");
        return false;
    }

    /// A field of the child's /proc/self/status or the like, as cat(1) sees it.
    std::string in_child(const std::string& file, const std::string& field,
                         const Command& command) const {
        std::string text = capture(must_open("/bin/cat"), Command(command).arg(file)).text;
        for (std::size_t start = 0; start < text.size();) {
            std::size_t end = text.find('\n', start);
            std::string line = text.substr(start, end - start);
            if (line.starts_with(field)) {
                line.erase(0, field.size());
                line.erase(0, line.find_first_not_of(" \t:"));
                return line;
            }
            start = end + 1;
        }
        return {};
    }

    std::string status(const std::string& field, const Command& command) const {
        return in_child("/proc/self/status", field, command);
    }

    /// One of the numbers that follow the name in /proc/self/stat, the state being the first.
    long stat(int number, const Command& command) const {
        std::string text =
            capture(must_open("/bin/cat"), Command(command).arg("/proc/self/stat")).text;
        std::istringstream stream(text.substr(text.rfind(')') + 2));
        std::string word;
        for (int i = 0; i <= number; ++i)
            stream >> word;
        return std::stol(word);
    }

    Error attribute_failure(const Command& command, Step step) const {
        Error error = failure(must_open(payload("exit0")), command);
        EXPECT_EQ(error.step, step) << error.message();
        return error;
    }

    static constexpr int parent = 1, group = 2, session = 3, terminal = 4, foreground = 5,
                         nice_value = 16, policy = 38;
};
FOR_EACH_WAY(AttributesTest);

TEST_P(AttributesTest, umask) {
    Command command = Command().umask(0137);
    if (!can("file mode creation mask", command))
        return;
    EXPECT_EQ(status("Umask", command), "0137");
    EXPECT_EQ(attribute_failure(Command().umask(01000), Step::set_umask).code,
              std::errc::invalid_argument);
}

TEST_P(AttributesTest, new_session) {
    auto child =
        must_open("/bin/cat").spawn(Command({"/proc/self/stat"}).new_session().pipe_from_child(1));
    ASSERT_TRUE(child);
    std::string text = read_all(child->pipe(1));
    std::string pid = std::to_string(child->pid());
    EXPECT_THAT(text,
                HasSubstr(pid + " (cat) R " + std::to_string(getpid()) + " " + pid + " " + pid));
    EXPECT_TRUE(child->wait()->success());
}

TEST_P(AttributesTest, own_process_group) {
    EXPECT_EQ(stat(group, Command()), getpgrp());
    auto child = must_open(payload("end")).spawn(Command({"never"}).process_group());
    ASSERT_TRUE(child);
    EXPECT_EQ(getpgid(child->pid()), child->pid());
    EXPECT_EQ(stat(group, Command().process_group(child->pid())), child->pid());
    ASSERT_TRUE(child->kill());
    ASSERT_TRUE(child->wait());
}

TEST_P(AttributesTest, process_group_that_cannot_be_joined) {
    Error error = attribute_failure(Command().process_group(1), Step::join_process_group);
    EXPECT_THAT(error.message(), StartsWith("cannot join the process group: "));
    EXPECT_THAT(error.message(), HasSubstr("(group 1)"));
    attribute_failure(Command().new_session().process_group(), Step::join_process_group);
    attribute_failure(Command().process_group(-2), Step::join_process_group);
}

TEST_P(AttributesTest, limits) {
    Command command = Command().limit(RLIMIT_CORE, 4096, 8192).limit(RLIMIT_NOFILE, 77, 88);
    if (!can("resource limits", command))
        return;
    EXPECT_THAT(in_child("/proc/self/limits", "Max core file size", command),
                StartsWith("4096                 8192"));
    EXPECT_THAT(in_child("/proc/self/limits", "Max open files", command),
                StartsWith("77                   88"));
}

TEST_P(AttributesTest, limit_replaces_an_earlier_one) {
    Command command = Command().limit(RLIMIT_NOFILE, 1, 2).limit(RLIMIT_NOFILE, 50, 60);
    EXPECT_EQ(command.attributes().limits.size(), 1U);
    if (can("resource limits", command)) {
        EXPECT_THAT(in_child("/proc/self/limits", "Max open files", command), StartsWith("50 "));
    }
}

TEST_P(AttributesTest, small_stack_does_not_hurt_the_start) {
    Command command = Command().limit(RLIMIT_STACK, 0, RLIM_INFINITY);
    if (!can("resource limits", command))
        return;
    // It cannot run, but the caller is told so, or sees it end.
    auto child = must_open(payload("exit0")).spawn(command);
    if (child) {
        EXPECT_TRUE(child->wait());
    } else
        EXPECT_EQ(child.error().step, Step::execute) << child.error().message();
}

TEST_P(AttributesTest, bad_limit_is_named) {
    Command command = Command().limit(RLIMIT_CORE, 0, 0).limit(99, 1, 2);
    if (!can("resource limits", command))
        return;
    Error error = attribute_failure(command, Step::set_limit);
    EXPECT_EQ(error.index, 1);
    EXPECT_EQ(error.message(),
              "cannot set the resource limit: Invalid argument "
              "(resource 99, soft 1, hard 2)");
    EXPECT_EQ(attribute_failure(Command().limit(RLIMIT_CORE, 2, 1), Step::set_limit).code,
              std::errc::invalid_argument);
}

TEST_P(AttributesTest, nice) {
    Command command = Command().nice(7);
    if (!can("nice value", command))
        return;
    EXPECT_EQ(stat(nice_value, command), 7);
    EXPECT_EQ(attribute_failure(Command().nice(20), Step::set_nice).code,
              std::errc::invalid_argument);
}

TEST_P(AttributesTest, scheduler) {
    if (geteuid() == 0) {
        EXPECT_EQ(stat(policy, Command().scheduler(SCHED_RR, 1)), SCHED_RR);
    }
    Error error = attribute_failure(Command().scheduler(SCHED_OTHER, 5), Step::set_scheduler);
    EXPECT_EQ(error.code, std::errc::invalid_argument);
    EXPECT_THAT(error.message(), HasSubstr("(policy 0, priority 5)"));
}

TEST_P(AttributesTest, scheduler_of_linux) {
    Command command = Command().scheduler(SCHED_BATCH);
    if (!can("scheduling policies of Linux", command))
        return;
    EXPECT_EQ(stat(policy, command), SCHED_BATCH);
    EXPECT_EQ(stat(nice_value, Command(command).nice(3)), 3);
    attribute_failure(Command().scheduler(99), Step::set_scheduler);
}

TEST_P(AttributesTest, scheduler_keeps_the_nice_value) {
    std::jthread([&] {
        ASSERT_EQ(setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 5), 0);
        EXPECT_EQ(stat(nice_value, Command().scheduler(SCHED_OTHER)), 5);
    }).join();
}

TEST_P(AttributesTest, affinity) {
    Command command = Command().affinity({0});
    if (!can("CPU affinity", command))
        return;
    EXPECT_EQ(status("Cpus_allowed_list", command), "0");
    EXPECT_EQ(attribute_failure(Command().affinity({}), Step::set_affinity).code,
              std::errc::invalid_argument);
    EXPECT_EQ(attribute_failure(Command().affinity({9999}), Step::set_affinity).code,
              std::errc::invalid_argument);
    EXPECT_THAT(attribute_failure(Command().affinity({-1}), Step::set_affinity).message(),
                HasSubstr("there is no CPU -1"));
}

TEST_P(AttributesTest, ids) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can change ids";
    Command command = Command().user(1234).group(2345).groups({5, 6});
    if (!can("user, group, supplementary groups", command))
        return;
    EXPECT_EQ(status("Uid", command), "1234\t1234\t1234\t1234");
    EXPECT_EQ(status("Gid", command), "2345\t2345\t2345\t2345");
    EXPECT_THAT(status("Groups", command), StartsWith("5 6"));
    EXPECT_EQ(status("Groups", Command().groups({})), "");
    EXPECT_EQ(getuid(), 0U);
}

TEST_P(AttributesTest, ids_without_the_right_to) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can give up its rights and take them back";
    Command command = Command().user(1);
    if (!can("user, group, supplementary groups", command))
        return;
    Template program = must_open("/bin/true");
    ASSERT_EQ(setresuid(65534, 65534, 0), 0);
    Error error = failure(program, command);
    ASSERT_EQ(setresuid(0, 0, 0), 0);
    EXPECT_EQ(error.step, Step::set_ids);
    EXPECT_EQ(error.message(), "cannot set user and group ids: Operation not permitted (user 1)");
}

TEST_P(AttributesTest, ids_that_mean_no_change_are_refused) {
    for (const Command& command : {Command().user(-1), Command().group(-1)}) {
        if (!can("user, group, supplementary groups", command))
            return;
        EXPECT_EQ(attribute_failure(command, Step::set_ids).code, std::errc::invalid_argument);
    }
}

TEST_P(AttributesTest, ids_reset) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can change ids";
    Template program = must_open("/bin/cat");
    ASSERT_EQ(setresuid(65534, 0, 0), 0);
    std::string text = capture(program, Command({"/proc/self/status"}).reset_ids()).text;
    ASSERT_EQ(setresuid(0, 0, 0), 0);
    EXPECT_THAT(text, HasSubstr("Uid:\t65534\t65534\t65534\t65534"));
}

TEST_P(AttributesTest, no_new_privileges) {
    Command command = Command().no_new_privileges();
    if (can("no new privileges", command)) {
        EXPECT_EQ(status("NoNewPrivs", command), "1");
    }
    EXPECT_EQ(status("NoNewPrivs", Command()), "0");
}

TEST_P(AttributesTest, several_at_once_keep_their_order) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can change ids";
    // What needs rights happens before they are given up; the directory is the caller's to enter.
    TemporaryDirectory directory;
    Command command = Command()
                          .user(65534)
                          .group(65534)
                          .groups({})
                          .nice(-5)
                          .limit(RLIMIT_NOFILE, 100, 100)
                          .cwd(directory.path());
    if (backend() == "posix_spawn")
        return;
    EXPECT_EQ(stat(nice_value, command), -5);
}

TEST_P(AttributesTest, parent_death_signal) {
    Command command = Command({"never"}).parent_death_signal(SIGKILL, ParentDeath::thread);
    if (!can("parent-death signal", command))
        return;
    Template program = must_open(payload("end"));
    std::optional<Child> child;
    std::jthread([&] { child = *program.spawn(command); }).join();
    EXPECT_EQ(child->wait()->signal(), SIGKILL);
}

TEST_P(AttributesTest, parent_death_signal_of_the_program_needs_the_main_thread) {
    Command command = Command().parent_death_signal(SIGKILL);
    if (!can("parent-death signal", command))
        return;
    std::jthread([&] {
        Error error = attribute_failure(command, Step::set_parent_death_signal);
        EXPECT_EQ(error.code, std::errc::invalid_argument);
        EXPECT_THAT(error.message(), HasSubstr("not the main thread"));
    }).join();
    EXPECT_TRUE(run(must_open(payload("exit0")), command).success());
    attribute_failure(Command().parent_death_signal(65), Step::set_parent_death_signal);
}

TEST_P(AttributesTest, few_redirections_and_many) {
    allow_descriptors(1000);
    Command command;
    for (int target = 3; target < 3 + 224; ++target)
        command.fd(target, 0);
    EXPECT_TRUE(run(must_open(payload("exit0")), Command(command).new_session()).success());
    command.fd(3 + 224, 0);
    if (can("more than 224 redirections and limits", command)) {
        EXPECT_TRUE(run(must_open(payload("exit0")), command).success());
    }
}

TEST_P(AttributesTest, namespaces) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can make namespaces anywhere";
    Command command = Command({"never"}).namespaces(CLONE_NEWUTS);
    if (!can("namespaces", command))
        return;
    auto child = must_open(payload("end")).spawn(command);
    ASSERT_TRUE(child);
    std::string of_child = "/proc/" + std::to_string(child->pid()) + "/ns/uts";
    EXPECT_NE(std::filesystem::read_symlink(of_child),
              std::filesystem::read_symlink("/proc/self/ns/uts"));
    EXPECT_TRUE(child->kill());
    EXPECT_TRUE(child->wait());
    for (int flag : {CLONE_THREAD, CLONE_FILES, CLONE_FS, CLONE_PARENT, CLONE_SETTLS}) {
        Error error = failure(must_open(payload("exit0")), Command().namespaces(flag));
        EXPECT_EQ(error.code, std::errc::invalid_argument);
        EXPECT_THAT(error.message(), HasSubstr("(a flag is that of no namespace)"));
    }
}

TEST_P(AttributesTest, cgroup_that_is_none) {
    Fd null = open_null();
    Command command = Command().cgroup(null.get());
    if (!can("cgroup from birth", command))
        return;
    Error error = attribute_failure(command, Step::clone);
    EXPECT_EQ(error.code, std::errc::bad_file_descriptor);
    EXPECT_THAT(error.message(),
                HasSubstr("in the cgroup of descriptor " + std::to_string(null.get())));
}

TEST_P(AttributesTest, return_early_is_a_permission) {
    EXPECT_TRUE(run(must_open(payload("exit0")), Command().return_early()).success());
}

TEST(Fallback, a_command_goes_to_a_backend_that_can_do_it) {
    auto program = Template::open(payload("exit0"));
    ASSERT_TRUE(program);
    for (const Command& command : {Command().umask(022), Command().namespaces(CLONE_NEWUTS)}) {
        auto child = program->spawn(command);
        if (!child) {
            EXPECT_EQ(child.error().code, std::errc::not_supported);
            continue;
        }
        EXPECT_NE(child->backend(), "posix_spawn");
        EXPECT_TRUE(child->wait()->success());
    }
}

}  // namespace
}  // namespace spawntpl::tests
