// SPDX-License-Identifier: MIT
//
// The C ABI: every function of spawntpl.h, with each backend.
#include "support.hpp"

#include <spawntpl/spawntpl.h>

#include <set>
#include <thread>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

template <auto free_function>
struct Free {
    void operator()(auto* object) const { free_function(object); }
};

using TemplatePointer = std::unique_ptr<spawntpl_template, Free<spawntpl_template_free>>;
using CommandPointer = std::unique_ptr<spawntpl_command, Free<spawntpl_command_free>>;
using ChildPointer = std::unique_ptr<spawntpl_child, Free<spawntpl_child_free>>;

spawntpl_error new_error() {
    spawntpl_error error{};
    error.size = sizeof(error);
    return error;
}

spawntpl_status new_status() {
    spawntpl_status status{};
    status.size = sizeof(status);
    return status;
}

spawntpl_stop_policy killing() {
    spawntpl_stop_policy policy{};
    policy.size = sizeof(policy);
    policy.kill_ms = SPAWNTPL_FOREVER;
    return policy;
}

CommandPointer new_command() {
    spawntpl_command* command = nullptr;
    EXPECT_EQ(spawntpl_command_new(&command), 0);
    return CommandPointer(command);
}

/// A command with these arguments.
CommandPointer new_command(std::vector<const char*> args) {
    CommandPointer command = new_command();
    args.push_back(nullptr);
    EXPECT_EQ(spawntpl_command_args(command.get(), args.data()), 0);
    return command;
}

class CApiTest : public BackendTest {
protected:
    spawntpl_template_options c_options() const {
        spawntpl_template_options options{};
        options.size = sizeof(options);
        options.backend = backend().c_str();
        return options;
    }

    TemplatePointer c_open(const std::string& program) const {
        spawntpl_template_options options = c_options();
        spawntpl_template* result = nullptr;
        spawntpl_error error = new_error();
        EXPECT_EQ(spawntpl_template_open(program.c_str(), &options, &result, &error), 0)
            << error.message;
        return TemplatePointer(result);
    }

    ChildPointer start(const std::string& program, const CommandPointer& command) const {
        TemplatePointer opened = c_open(program);
        return start(opened.get(), command.get());
    }

    ChildPointer start(const spawntpl_template* program, const spawntpl_command* command) const {
        spawntpl_child* child = nullptr;
        spawntpl_error error = new_error();
        EXPECT_EQ(spawntpl_template_spawn(program, command, &child, &error), 0) << error.message;
        return ChildPointer(child);
    }

    /// The error of a start that must fail.
    spawntpl_error c_failure(const std::string& program, const CommandPointer& command) const {
        TemplatePointer opened = c_open(program);
        spawntpl_child* child = nullptr;
        spawntpl_error error = new_error();
        EXPECT_LT(spawntpl_template_spawn(opened.get(), command.get(), &child, &error), 0);
        EXPECT_EQ(child, nullptr);
        return error;
    }

    /// What a child that succeeds writes to its standard output.
    std::string output(const std::string& program, const CommandPointer& command) const {
        EXPECT_EQ(spawntpl_command_pipe_from_child(command.get(), STDOUT_FILENO), 0);
        ChildPointer child = start(program, command);
        std::string text = read_all(spawntpl_child_pipe(child.get(), STDOUT_FILENO));
        spawntpl_status status = new_status();
        EXPECT_EQ(spawntpl_child_wait(child.get(), &status, nullptr), 0);
        EXPECT_EQ(status.code, 0);
        return text;
    }

    std::string shell(const char* script, const CommandPointer& command) const {
        const char* args[] = {"-c", script, nullptr};
        EXPECT_EQ(spawntpl_command_args(command.get(), args), 0);
        return output("/bin/sh", command);
    }

    /// Whether the backend can do it, and if not, that it says so.
    bool can(const char* feature, const CommandPointer& command) const {
        const auto& info = *std::ranges::find(backends(), backend(), &BackendInfo::name);
        if (std::ranges::count(info.features, feature))
            return true;
        spawntpl_error error = c_failure(payload("exit0"), command);
        EXPECT_EQ(error.code, ENOTSUP);
        EXPECT_EQ(error.step, SPAWNTPL_STEP_CHOOSE_BACKEND);
        EXPECT_STREQ(error.path, backend().c_str());
        return false;
    }
};
FOR_EACH_BACKEND(CApiTest);

TEST_P(CApiTest, program_runs_and_ends) {
    TemplatePointer program = c_open(payload("end"));
    EXPECT_EQ(spawntpl_template_program(program.get()), payload("end"));
    EXPECT_EQ(spawntpl_template_backend(program.get()), backend());

    ChildPointer child = start(program.get(), new_command({"exit", "42"}).get());
    EXPECT_EQ(spawntpl_child_backend(child.get()), backend());
    EXPECT_GT(spawntpl_child_pid(child.get()), 0);
    spawntpl_status status = new_status();
    EXPECT_EQ(spawntpl_child_wait(child.get(), &status, nullptr), 0);
    EXPECT_EQ(status.code, 42);
    EXPECT_EQ(status.signal, 0);
    EXPECT_EQ(status.core_dumped, 0);
    EXPECT_GT(status.max_rss, 0U);
    EXPECT_LT(status.user_time_us + status.system_time_us, 60'000'000U);
    EXPECT_EQ(spawntpl_child_wait(child.get(), nullptr, nullptr), 0);
}

TEST_P(CApiTest, program_given_by_descriptor) {
    Fd fd(::open(payload("show").c_str(), O_RDONLY | O_CLOEXEC));
    spawntpl_template_options options = c_options();
    spawntpl_template* made = nullptr;
    ASSERT_EQ(spawntpl_template_from_fd(fd.get(), "name", &options, &made, nullptr), 0);
    TemplatePointer program(made);
    EXPECT_STREQ(spawntpl_template_program(program.get()), "name");

    TemporaryDirectory directory;
    write_file(directory / "script", "#!/bin/sh\n", 0755);
    Fd script(::open((directory / "script").c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(spawntpl_template_from_fd(script.get(), "name", &options, &made, nullptr), -ENOEXEC);
}

TEST_P(CApiTest, options_give_environment_and_command) {
    CommandPointer command = new_command({"-c", "echo $VALUE"});
    ASSERT_EQ(spawntpl_command_pipe_from_child(command.get(), 1), 0);
    const char* env[] = {"VALUE=kept", nullptr};
    spawntpl_template_options options = c_options();
    options.env = env;
    options.command = command.get();
    spawntpl_template* made = nullptr;
    ASSERT_EQ(spawntpl_template_open("/bin/sh", &options, &made, nullptr), 0);
    TemplatePointer program(made);
    // The options were copied.
    ASSERT_EQ(spawntpl_command_arg(command.get(), "more"), 0);

    ChildPointer child = start(program.get(), nullptr);
    EXPECT_EQ(read_all(spawntpl_child_pipe(child.get(), 1)), "kept\n");
    EXPECT_EQ(spawntpl_child_wait(child.get(), nullptr, nullptr), 0);

    spawntpl_command* copy = nullptr;
    ASSERT_EQ(spawntpl_template_command(program.get(), &copy), 0);
    CommandPointer changed(copy);
    ASSERT_EQ(spawntpl_command_set_env(copy, "VALUE", "changed"), 0);
    child = start(program.get(), copy);
    EXPECT_EQ(read_all(spawntpl_child_pipe(child.get(), 1)), "changed\n");
    EXPECT_EQ(spawntpl_child_wait(child.get(), nullptr, nullptr), 0);
}

TEST_P(CApiTest, arguments_and_environment) {
    CommandPointer command = new_command({"gone"});
    const char* args[] = {"a", "", nullptr};
    const char* env[] = {"A=1", "B=2", nullptr};
    ASSERT_EQ(spawntpl_command_args(command.get(), args), 0);
    ASSERT_EQ(spawntpl_command_arg(command.get(), "c d"), 0);
    ASSERT_EQ(spawntpl_command_arg0(command.get(), "zero"), 0);
    ASSERT_EQ(spawntpl_command_env(command.get(), env), 0);
    ASSERT_EQ(spawntpl_command_set_env(command.get(), "C", "3"), 0);
    ASSERT_EQ(spawntpl_command_unset_env(command.get(), "A"), 0);
    using namespace std::string_literals;
    EXPECT_THAT(output(payload("show"), command),
                StartsWith("arg\0zero\0arg\0a\0arg\0\0arg\0c d\0env\0B=2\0env\0C=3\0cwd"s));
}

TEST_P(CApiTest, copy_of_a_command_is_its_own) {
    CommandPointer command = new_command({"one"});
    spawntpl_command* made = nullptr;
    ASSERT_EQ(spawntpl_command_copy(command.get(), &made), 0);
    CommandPointer copy(made);
    ASSERT_EQ(spawntpl_command_arg(copy.get(), "two"), 0);
    EXPECT_EQ(output("/bin/echo", command), "one\n");
    EXPECT_EQ(output("/bin/echo", copy), "one two\n");
}

TEST_P(CApiTest, directory) {
    CommandPointer command = new_command();
    ASSERT_EQ(spawntpl_command_cwd(command.get(), "/usr"), 0);
    EXPECT_EQ(shell("pwd -P", command), "/usr\n");
    Fd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    ASSERT_EQ(spawntpl_command_cwd_at(command.get(), root.get(), "usr/bin"), 0);
    EXPECT_EQ(shell("pwd -P", command), "/usr/bin\n");
    ASSERT_EQ(spawntpl_command_cwd_at(command.get(), root.get(), ""), 0);
    EXPECT_EQ(shell("pwd -P", command), "/\n");
}

TEST_P(CApiTest, descriptors) {
    TemporaryDirectory directory;
    Fd file(::open((directory / "fd").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    CommandPointer command = new_command({"3", "three", "4", "four", "5", "five"});
    ASSERT_EQ(spawntpl_command_fd(command.get(), 3, file.get()), 0);
    ASSERT_EQ(spawntpl_command_file(command.get(), 4, (directory / "file").c_str(),
                                    O_WRONLY | O_CREAT, 0600),
              0);
    ASSERT_EQ(spawntpl_command_same_as(command.get(), 5, 4), 0);
    ASSERT_EQ(spawntpl_command_null(command.get(), 2), 0);
    EXPECT_EQ(output(payload("say"), command), "");
    EXPECT_EQ(read_file(directory / "fd"), "three");
    EXPECT_EQ(read_file(directory / "file"), "fourfive");
}

TEST_P(CApiTest, closed_and_inherited_descriptors) {
    Fd null(::open("/dev/null", O_RDONLY));
    std::string number = std::to_string(null.get());
    std::string script = "test -e /proc/self/fd/" + number + " && echo open; true";
    CommandPointer command = new_command();
    EXPECT_EQ(shell(script.c_str(), command), "");
    command = new_command();
    ASSERT_EQ(spawntpl_command_inherit_fds(command.get(), true), 0);
    EXPECT_EQ(shell(script.c_str(), command), "open\n");
    command = new_command();
    ASSERT_EQ(spawntpl_command_inherit_fds(command.get(), true), 0);
    ASSERT_EQ(spawntpl_command_close(command.get(), null.get()), 0);
    EXPECT_EQ(shell(script.c_str(), command), "");
}

TEST_P(CApiTest, pipes_and_input) {
    CommandPointer command = new_command();
    ASSERT_EQ(spawntpl_command_pipe_to_child(command.get(), 0), 0);
    ASSERT_EQ(spawntpl_command_pipe_from_child(command.get(), 1), 0);
    ChildPointer child = start("/bin/cat", command);
    EXPECT_EQ(spawntpl_child_pipe(child.get(), 2), -1);
    EXPECT_EQ(spawntpl_child_take_pipe(child.get(), 2), -1);
    Fd to_child(spawntpl_child_take_pipe(child.get(), 0));
    EXPECT_EQ(spawntpl_child_pipe(child.get(), 0), -1);
    ASSERT_EQ(write(to_child.get(), "text", 4), 4);
    to_child.reset();
    EXPECT_EQ(read_all(spawntpl_child_pipe(child.get(), 1)), "text");
    EXPECT_EQ(spawntpl_child_wait(child.get(), nullptr, nullptr), 0);

    command = new_command();
    ASSERT_EQ(spawntpl_command_input(command.get(), "by\0tes", 6), 0);
    EXPECT_EQ(output("/bin/cat", command), std::string("by\0tes", 6));
    ASSERT_EQ(spawntpl_command_input(command.get(), nullptr, 0), 0);
    EXPECT_EQ(output("/bin/cat", command), "");
}

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

TEST_P(CApiTest, early_return_is_a_permission) {
    CommandPointer command = new_command();
    ASSERT_EQ(spawntpl_command_return_early(command.get()), 0);
    EXPECT_EQ(output("/bin/true", command), "");
}

TEST_P(CApiTest, waits_with_and_without_a_limit) {
    ChildPointer child = start(payload("end"), new_command({"never"}));
    spawntpl_error error = new_error();
    EXPECT_EQ(spawntpl_child_try_wait(child.get(), nullptr, &error), -EAGAIN);
    EXPECT_EQ(error.code, EAGAIN);
    EXPECT_EQ(error.step, SPAWNTPL_STEP_WAIT);
    EXPECT_STREQ(error.message,
                 "cannot wait for the child: Resource temporarily unavailable (it has not ended)");
    EXPECT_EQ(spawntpl_child_wait_for(child.get(), 1'000'000, nullptr, nullptr), -ETIMEDOUT);
    EXPECT_EQ(spawntpl_child_wait_for(child.get(), -1, nullptr, nullptr), -ETIMEDOUT);
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    std::int64_t soon = now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec + 1'000'000;
    EXPECT_EQ(spawntpl_child_wait_until(child.get(), soon, nullptr, nullptr), -ETIMEDOUT);

    EXPECT_EQ(fcntl(spawntpl_child_pidfd(child.get()), F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(spawntpl_child_send_signal(child.get(), 1000, &error), -EINVAL);
    EXPECT_EQ(error.step, SPAWNTPL_STEP_SEND_SIGNAL);
    EXPECT_EQ(spawntpl_child_send_signal(child.get(), SIGTERM, nullptr), 0);
    spawntpl_status status = new_status();
    EXPECT_EQ(spawntpl_child_wait_for(child.get(), SPAWNTPL_FOREVER, &status, nullptr), 0);
    EXPECT_EQ(status.signal, SIGTERM);
    EXPECT_EQ(spawntpl_child_wait_until(child.get(), 0, &status, nullptr), 0);
    EXPECT_EQ(spawntpl_child_try_wait(child.get(), &status, nullptr), 0);
    EXPECT_EQ(spawntpl_child_kill(child.get(), &error), -ESRCH);
}

TEST_P(CApiTest, descendants_are_killed) {
    CommandPointer command = new_command({"-c", "sleep 1000 & echo started; wait"});
    ASSERT_EQ(spawntpl_command_pipe_from_child(command.get(), STDOUT_FILENO), 0);
    ChildPointer child = start("/bin/sh", command);
    char text[8];
    ASSERT_EQ(read(spawntpl_child_pipe(child.get(), STDOUT_FILENO), text, 8), 8);
    EXPECT_EQ(spawntpl_child_kill_tree(child.get(), nullptr), 0);
    // The pipe ends with the last process that has it.
    EXPECT_EQ(read_all(spawntpl_child_pipe(child.get(), STDOUT_FILENO)), "");
    EXPECT_EQ(spawntpl_child_wait(child.get(), nullptr, nullptr), 0);
}

TEST_P(CApiTest, policy_stops_a_child) {
    ChildPointer child = start(payload("end"), new_command({"never"}));
    spawntpl_stop_policy policy = killing();
    policy.wait_ms = 1;
    policy.terminate_ms = SPAWNTPL_FOREVER;
    policy.flags = SPAWNTPL_STOP_TREE;
    spawntpl_status status = new_status();
    EXPECT_EQ(spawntpl_child_stop(child.get(), &policy, &status, nullptr), 0);
    EXPECT_EQ(status.signal, SIGTERM);

    child = start(payload("end"), new_command({"never"}));
    policy = {.size = sizeof(policy), .wait_ms = 1, .terminate_ms = 0, .kill_ms = 0, .flags = 0};
    EXPECT_EQ(spawntpl_child_stop(child.get(), &policy, &status, nullptr), -ETIMEDOUT);
    policy = killing();
    EXPECT_EQ(spawntpl_child_stop(child.get(), &policy, &status, nullptr), 0);
    EXPECT_EQ(status.signal, SIGKILL);
}

TEST_P(CApiTest, policy_stops_a_child_at_its_end) {
    ChildPointer child = start(payload("end"), new_command({"never"}));
    pid_t pid = spawntpl_child_pid(child.get());
    spawntpl_stop_policy policy = killing();
    EXPECT_EQ(spawntpl_child_stop_at_end(child.get(), &policy), 0);
    child.reset();
    EXPECT_EQ(kill(pid, 0), -1);
}

TEST_P(CApiTest, bad_policies_are_refused) {
    ChildPointer child = start(payload("end"), new_command({"never"}));
    spawntpl_stop_policy negative = killing(), unknown = killing();
    negative.wait_ms = -1;
    unknown.flags = 2;
    for (const spawntpl_stop_policy* policy : {&negative, &unknown}) {
        EXPECT_EQ(spawntpl_child_stop(child.get(), policy, nullptr, nullptr), -EINVAL);
        EXPECT_EQ(spawntpl_child_stop_at_end(child.get(), policy), -EINVAL);
    }
    EXPECT_EQ(spawntpl_child_try_wait(child.get(), nullptr, nullptr), -EAGAIN);
    EXPECT_EQ(spawntpl_child_kill(child.get(), nullptr), 0);
    EXPECT_EQ(spawntpl_child_wait(child.get(), nullptr, nullptr), 0);
}

TEST_P(CApiTest, detached_child_runs_on) {
    ChildPointer child = start(payload("end"), new_command({"never"}));
    pid_t pid = spawntpl_child_pid(child.get());
    spawntpl_child_detach(child.get());
    EXPECT_EQ(spawntpl_child_pidfd(child.get()), -1);
    child.reset();
    EXPECT_EQ(kill(pid, SIGKILL), 0);
    EXPECT_EQ(waitpid(pid, nullptr, 0), pid);
}

TEST_P(CApiTest, errors_tell_what_was_wrong) {
    CommandPointer command = new_command();
    ASSERT_EQ(spawntpl_command_null(command.get(), 0), 0);
    ASSERT_EQ(spawntpl_command_file(command.get(), 7, "/nonexistent/file", O_RDONLY, 0), 0);
    spawntpl_error error = c_failure("/bin/true", command);
    EXPECT_EQ(error.code, ENOENT);
    EXPECT_EQ(error.step, SPAWNTPL_STEP_REDIRECT);
    EXPECT_EQ(error.index, 1);
    EXPECT_EQ(error.target, 7);
    EXPECT_EQ(error.source, -1);
    EXPECT_STREQ(error.path, "/nonexistent/file");
    EXPECT_STREQ(error.message,
                 "cannot redirect descriptor 7 to '/nonexistent/file': No such file or directory");

    std::string long_path(10'000, 'x');
    command = new_command();
    ASSERT_EQ(spawntpl_command_cwd(command.get(), long_path.c_str()), 0);
    error = c_failure("/bin/true", command);
    EXPECT_EQ(error.code, ENAMETOOLONG);
    EXPECT_EQ(error.path, long_path.substr(0, sizeof(error.path) - 1));
    EXPECT_EQ(strlen(error.message), sizeof(error.message) - 1);
}

TEST_P(CApiTest, call_is_no_cancellation_point) {
    ChildPointer child = start(payload("end"), new_command({"never"}));
    struct Waiter {
        spawntpl_child* child;
        Pipe ready = make_pipe();
        int result = 1;
    } waiter{.child = child.get()};
    pthread_t thread;
    auto wait = [](void* argument) -> void* {
        auto* self = static_cast<Waiter*>(argument);
        // close(2) is one.
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
        self->ready.write.reset();
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, nullptr);
        self->result = spawntpl_child_wait_for(self->child, SPAWNTPL_FOREVER, nullptr, nullptr);
        return nullptr;
    };
    ASSERT_EQ(pthread_create(&thread, nullptr, wait, &waiter), 0);
    EXPECT_EQ(read_all(waiter.ready.read.get()), "");
    // Before the call or during it.
    ASSERT_EQ(pthread_cancel(thread), 0);
    EXPECT_EQ(kill(spawntpl_child_pid(child.get()), SIGKILL), 0);
    void* ended = PTHREAD_CANCELED;
    ASSERT_EQ(pthread_join(thread, &ended), 0);
    EXPECT_EQ(ended, nullptr);
    EXPECT_EQ(waiter.result, 0);
}

class CApi : public CleanTest {};

int wait_code(const ChildPointer& child) {
    spawntpl_status status{};
    status.size = sizeof(status);
    EXPECT_EQ(spawntpl_child_wait(child.get(), &status, nullptr), 0);
    return status.code;
}

TEST_P(CApiTest, batch) {
    TemplatePointer program = c_open(payload("end"));
    CommandPointer commands[] = {new_command({"exit", "3"}), new_command({"exit", "4"}),
                                 new_command({"exit", "5"})};
    EXPECT_EQ(spawntpl_command_cwd(commands[1].get(), "/nonexistent"), 0);
    const spawntpl_command* pointers[] = {commands[0].get(), commands[1].get(), commands[2].get()};
    spawntpl_child* children[3];
    spawntpl_error error = new_error();
    EXPECT_EQ(spawntpl_template_spawn_all(program.get(), pointers, 3, children, &error), -ENOENT);
    EXPECT_STREQ(error.path, "/nonexistent");
    EXPECT_EQ(children[1], nullptr);
    for (int i : {0, 2}) {
        ChildPointer child(children[i]);
        EXPECT_EQ(wait_code(child), 3 + i);
    }

    pointers[1] = nullptr;
    EXPECT_EQ(spawntpl_template_spawn_all(program.get(), pointers, 3, children, &error), -EINVAL);
    EXPECT_EQ(spawntpl_template_spawn_all(program.get(), pointers, 0, children, &error), 0);
    pointers[1] = pointers[2];
    ASSERT_EQ(spawntpl_template_spawn_all(program.get(), pointers, 3, children, nullptr), 0);
    for (spawntpl_child* each : children)
        EXPECT_GE(wait_code(ChildPointer(each)), 3);
}

TEST_F(CApi, backends_are_those_of_the_library) {
    spawntpl_backend info{};
    info.size = sizeof(info);
    for (std::size_t i = 0; i < backends().size(); ++i) {
        ASSERT_EQ(spawntpl_backend_get(i, &info), 0);
        EXPECT_EQ(info.size, sizeof(info));
        EXPECT_EQ(info.name, backends()[i].name);
        EXPECT_EQ(info.description, backends()[i].description);
        EXPECT_EQ(info.reason == nullptr, backends()[i].available);
        EXPECT_EQ(info.reason ? info.reason : "", backends()[i].reason);
        for (std::size_t j = 0; j < backends()[i].features.size(); ++j)
            EXPECT_EQ(info.features[j], backends()[i].features[j]);
        EXPECT_EQ(info.features[backends()[i].features.size()], nullptr);
    }
    EXPECT_EQ(spawntpl_backend_get(backends().size(), &info), -ENOENT);
    for (std::size_t i = 0; i < backend_features().size(); ++i)
        EXPECT_EQ(spawntpl_backend_features()[i], backend_features()[i]);
    EXPECT_EQ(spawntpl_backend_features()[backend_features().size()], nullptr);
}

TEST_F(CApi, every_step_has_a_number) {
    EXPECT_STREQ(spawntpl_step_name(0), "unknown");
    EXPECT_STREQ(spawntpl_step_name(SPAWNTPL_STEP_CHOOSE_BACKEND), "choose_backend");
    int count = 0;
    for (int i = 0; to_string(static_cast<Step>(i)) != "unknown"; ++i)
        ++count;
    for (int number = 1; number <= count; ++number)
        EXPECT_STRNE(spawntpl_step_name(number), "unknown") << number;
    EXPECT_STREQ(spawntpl_step_name(count + 1), "unknown");
}

TEST_F(CApi, programs_that_cannot_be_found) {
    spawntpl_template* program = nullptr;
    spawntpl_error error = new_error();
    EXPECT_EQ(spawntpl_template_open("/nonexistent", nullptr, &program, &error), -ENOENT);
    EXPECT_EQ(error.step, SPAWNTPL_STEP_RESOLVE_PROGRAM);
    EXPECT_STREQ(error.path, "/nonexistent");
    EXPECT_EQ(spawntpl_template_open("/nonexistent", nullptr, &program, nullptr), -ENOENT);
    EXPECT_EQ(spawntpl_template_from_fd(-1, "x", nullptr, &program, &error), -EBADF);
    spawntpl_template_options options{};
    options.size = sizeof(options);
    options.backend = "magic";
    EXPECT_EQ(spawntpl_template_open("true", &options, &program, &error), -EINVAL);
    EXPECT_EQ(error.step, SPAWNTPL_STEP_CHOOSE_BACKEND);
    EXPECT_EQ(program, nullptr);
}

TEST_F(CApi, null_pointers_are_refused) {
    spawntpl_template* program = nullptr;
    spawntpl_error error = new_error();
    EXPECT_EQ(spawntpl_template_open(nullptr, nullptr, &program, &error), -EINVAL);
    EXPECT_STREQ(error.message,
                 "cannot start a program as requested: Invalid argument (a pointer is null)");
    EXPECT_EQ(spawntpl_template_open("true", nullptr, nullptr, &error), -EINVAL);
    EXPECT_EQ(spawntpl_template_spawn(nullptr, nullptr, nullptr, &error), -EINVAL);
    EXPECT_EQ(spawntpl_template_spawn_all(nullptr, nullptr, 1, nullptr, &error), -EINVAL);
    EXPECT_EQ(spawntpl_child_wait(nullptr, nullptr, &error), -EINVAL);
    EXPECT_EQ(spawntpl_child_kill(nullptr, &error), -EINVAL);
    EXPECT_EQ(spawntpl_command_new(nullptr), -EINVAL);
    EXPECT_EQ(spawntpl_command_arg(nullptr, "x"), -EINVAL);
    CommandPointer command = new_command();
    EXPECT_EQ(spawntpl_command_arg(command.get(), nullptr), -EINVAL);
    EXPECT_EQ(spawntpl_command_args(command.get(), nullptr), -EINVAL);
    EXPECT_EQ(spawntpl_command_groups(command.get(), nullptr, 1), -EINVAL);
    EXPECT_EQ(spawntpl_command_input(command.get(), nullptr, 1), -EINVAL);
    EXPECT_EQ(spawntpl_backend_get(0, nullptr), -EINVAL);
    EXPECT_EQ(spawntpl_command_affinity(command.get(), nullptr, 1), -EINVAL);
    EXPECT_EQ(spawntpl_child_stop_at_end(nullptr, nullptr), -EINVAL);
    spawntpl_template_free(nullptr);
    spawntpl_command_free(nullptr);
    spawntpl_child_free(nullptr);
}

TEST_F(CApi, exceptions_become_errors) {
    CommandPointer command = new_command();
    EXPECT_EQ(spawntpl_command_input(command.get(), "x", SIZE_MAX), -ENOMEM);
}

TEST_F(CApi, warm_starts) {
    spawntpl_template_options options{};
    options.size = sizeof(options);
    auto backend_of_two = [&](const std::string& path) {
        spawntpl_template* made = nullptr;
        spawntpl_error error = new_error();
        EXPECT_EQ(spawntpl_template_open(path.c_str(), &options, &made, &error), 0)
            << error.message;
        TemplatePointer program(made);
        std::set<std::string> seen;
        for (int i = 0; i < 2; ++i) {
            CommandPointer command = new_command({"word"});
            EXPECT_EQ(spawntpl_command_pipe_from_child(command.get(), STDOUT_FILENO), 0);
            spawntpl_child* started = nullptr;
            EXPECT_EQ(spawntpl_template_spawn(program.get(), command.get(), &started, &error), 0);
            ChildPointer child(started);
            read_all(spawntpl_child_pipe(child.get(), STDOUT_FILENO));
            EXPECT_EQ(spawntpl_child_wait(child.get(), nullptr, nullptr), 0);
            EXPECT_EQ(spawntpl_child_has_broker(child.get()), options.broker);
            seen.insert(spawntpl_child_backend(child.get()) + std::string(": ") +
                        spawntpl_child_why_not_warm(child.get()));
        }
        return seen;
    };
    EXPECT_THAT(backend_of_two(payload("ready")), testing::Each(testing::Not(StartsWith("warm"))));
    options.warm = SPAWNTPL_WARM_ALLOWED;
    TemporaryDirectory directory;
    write_file(directory / "script", "#!/bin/sh\n", 0755);
    EXPECT_THAT(backend_of_two(directory / "script"),
                testing::Each(testing::EndsWith(": the program is a script")));
    options.recapture_ms = -1;
    spawntpl_template* program = nullptr;
    spawntpl_error error = new_error();
    EXPECT_EQ(spawntpl_template_open("true", &options, &program, &error), -EINVAL);
    EXPECT_THAT(error.message, HasSubstr("recapture_ms"));
    options.recapture_ms = SPAWNTPL_FOREVER;
    options.broker = 2;
    EXPECT_EQ(spawntpl_template_open("true", &options, &program, &error), -EINVAL);
    EXPECT_THAT(error.message, HasSubstr("broker"));
    options.broker = 1;
    options.warm = SPAWNTPL_WARM_NEVER;
    EXPECT_EQ(spawntpl_template_open("true", &options, &program, &error), -EINVAL);
    EXPECT_THAT(error.message, HasSubstr("broker"));
    options.broker = 0;
    options.warm = SPAWNTPL_WARM_REQUIRED + 1;
    EXPECT_EQ(spawntpl_template_open("true", &options, &program, &error), -EINVAL);
    EXPECT_THAT(error.message, HasSubstr("warm"));
    if (!std::ranges::count(available_ways(), "warm"))
        GTEST_SKIP() << "no warm starts here";
    options.warm = SPAWNTPL_WARM_REQUIRED;
    options.recapture_starts = 1;
    const char* const args[] = {"to the point", nullptr};
    options.ready_args = args;
    EXPECT_THAT(backend_of_two(payload("ready")),
                testing::ElementsAre(std::ranges::count(available_ways(), "kernel-warm")
                                         ? StartsWith("warm: kernel-warm: the kernel does not")
                                         : StartsWith("warm: ")));
    options.broker = 1;
    EXPECT_THAT(backend_of_two(payload("ready")), testing::ElementsAre("warm: "));
}

TEST_F(CApi, structures_of_other_sizes) {
    spawntpl_template* program = nullptr;
    spawntpl_error error = new_error();
    // Forgotten.
    spawntpl_template_options forgotten{};
    EXPECT_EQ(spawntpl_template_open("true", &forgotten, &program, &error), -EINVAL);
    error.size = 0;
    EXPECT_EQ(spawntpl_template_open("true", nullptr, &program, &error), -EINVAL);

    // Of a program built with a newer header.
    struct {
        spawntpl_template_options known;
        std::uint64_t more;
    } options{};
    options.known.size = sizeof(options);
    struct {
        spawntpl_error known;
        std::uint64_t more;
    } newer{.known = new_error(), .more = 7};
    newer.known.size = sizeof(newer);
    ASSERT_EQ(spawntpl_template_open("true", &options.known, &program, &newer.known), 0);
    TemplatePointer owner(program);
    options.more = 1;
    EXPECT_EQ(spawntpl_template_open("true", &options.known, &program, &newer.known), -E2BIG);
    EXPECT_EQ(newer.known.size, sizeof(newer));
    EXPECT_EQ(newer.more, 0U);
    EXPECT_THAT(newer.known.message, HasSubstr("the options' size"));
}

TEST_F(CApi, version_is_three_numbers) {
    EXPECT_THAT(spawntpl_version(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

}  // namespace
}  // namespace spawntpl::tests
