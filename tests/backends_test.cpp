// SPDX-License-Identifier: MIT
//
// Which backend is chosen, and why not another.
#include "support.hpp"

#include <sstream>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Availability : public CleanTest, public testing::WithParamInterface<std::string> {};

std::vector<std::string> all_backends() {
    std::vector<std::string> names;
    for (const BackendInfo& info : backends())
        names.emplace_back(info.name);
    return names;
}

INSTANTIATE_TEST_SUITE_P(Backend, Availability, testing::ValuesIn(all_backends()),
                         backend_test_name);

const BackendInfo& info_of(const std::string& name) {
    return *std::ranges::find(backends(), name, &BackendInfo::name);
}

/// SPAWNTPL_EXPECT_BACKENDS lists the backends that have to work, separated by commas.
bool is_expected(const std::string& name) {
    const char* expected = getenv("SPAWNTPL_EXPECT_BACKENDS");
    std::istringstream stream(expected ? expected : "");
    for (std::string entry; std::getline(stream, entry, ',');)
        if (entry == name)
            return true;
    return false;
}

TEST_P(Availability, works_where_it_is_expected) {
    const BackendInfo& info = info_of(GetParam());
    if (!info.available && !is_expected(GetParam()))
        GTEST_SKIP() << "backend " << info.name << " is not tested here: " << info.reason;
    EXPECT_TRUE(info.available) << info.reason;
}

TEST_P(Availability, a_reason_is_given_if_and_only_if_it_does_not_work) {
    const BackendInfo& info = info_of(GetParam());
    EXPECT_EQ(info.reason.empty(), info.available);
    EXPECT_THAT(info.description, Not(IsEmpty()));
}

TEST_P(Availability, forcing_it_uses_it_or_says_why_not) {
    const BackendInfo& info = info_of(GetParam());
    auto program = Template::open(payload("show"), {.backend = GetParam()});
    ASSERT_EQ(program.has_value(), info.available);
    if (program) {
        EXPECT_EQ(program->backend(), GetParam());
    } else {
        EXPECT_EQ(program.error().code, std::errc::function_not_supported);
        EXPECT_EQ(program.error().step, Step::choose_backend);
        EXPECT_THAT(program.error().message(), HasSubstr(GetParam()));
        EXPECT_THAT(program.error().message(), HasSubstr(info.reason));
    }
}

TEST(Expectations, name_backends_that_exist) {
    const char* expected = getenv("SPAWNTPL_EXPECT_BACKENDS");
    std::istringstream stream(expected ? expected : "");
    for (std::string entry; std::getline(stream, entry, ',');)
        EXPECT_THAT(all_backends(), testing::Contains(entry));
}

class Probe : public CleanTest {
protected:
    /// What `spawntpl info` prints where this system call fails with this errno.
    static std::string info_with(int call, int error) {
        auto refuse = Template::open(payload("refuse"), {.backend = "posix_spawn"});
        EXPECT_TRUE(refuse);
        Pipe pipe = make_pipe();
        Command command({std::to_string(call), std::to_string(error),
                         program_directory() / "spawntpl", "info"});
        auto child = refuse->spawn(command.fd(STDOUT_FILENO, pipe.write.get()));
        EXPECT_TRUE(child);
        pipe.write.reset();
        std::string text = read_all(pipe.read.get());
        EXPECT_EQ(child->wait(), ExitStatus::exited(0));
        return text;
    }

    static constexpr int create_call = 472;
    static constexpr int spawn_call = 473;
};

TEST_F(Probe, knows_why_the_system_calls_of_the_kernel_fail) {
    const std::pair<int, const char*> answers[] = {
        {ENOSYS, "this kernel does not have the system call"},
        {EPERM, "a security filter forbids the system call"},
        {EINVAL, "this kernel has another version of the system call"},
        {E2BIG, "this kernel has another version of the system call"},
        {EBUSY, "unexpected answer to the system call"},
    };
    for (auto [error, answer] : answers) {
        std::string text = info_with(create_call, error);
        EXPECT_THAT(text, HasSubstr(std::string(answer) + " spawn_template_create"));
        EXPECT_THAT(text, Not(HasSubstr("chosen: kernel\n")));
    }
}

// As the usual filters of containers do, or a kernel that is too old.
TEST_F(Probe, knows_why_clone3_cannot_be_used) {
    for (auto [call, name] : {std::pair(SYS_clone3, "clone3"), {SYS_close_range, "close_range"}})
        for (auto [error, answer] : {std::pair(ENOSYS, "this kernel does not have"),
                                     {EPERM, "a security filter forbids"}}) {
            std::string text = info_with(static_cast<int>(call), error);
            EXPECT_THAT(text, HasSubstr(std::string(answer) + " the system call " + name));
            EXPECT_THAT(text, Not(HasSubstr("chosen: clone3\n")));
        }
}

TEST_F(Probe, looks_at_both_system_calls_of_the_kernel) {
    std::string text = info_with(spawn_call, EPERM);
    if (std::ranges::count(available_backends(), "kernel"))
        EXPECT_THAT(text, HasSubstr("a security filter forbids the system call "
                                    "spawn_template_spawn"));
    else
        EXPECT_THAT(text, HasSubstr("spawn_template_create"));
}

// Only the exit status tells what a child with the filter has found.
void kill_at_exec() {
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog program{.len = std::size(code), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &program))
        _exit(100);
}

class Clone3 : public CleanTest {};

// As one that a signal to its process group hits.
TEST_F(Clone3, a_child_killed_before_its_program_is_an_error_and_leaves_nothing) {
    if (!std::ranges::count(available_backends(), "clone3"))
        GTEST_SKIP() << "no clone3 here";
    auto program = Template::open(payload("exit0"), {.backend = "clone3"});
    ASSERT_TRUE(program) << program.error().message();
    pid_t pid = fork();
    if (pid == 0) {
        kill_at_exec();
        auto child = program->spawn(Command());
        if (child || child.error().code.value() != EINTR || child.error().step != Step::execute)
            _exit(1);
        _exit(waitpid(-1, nullptr, __WALL) == -1 && errno == ECHILD ? 0 : 2);
    }
    int status;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Its number is that of the program's descriptor, which the child needs until the exec.
TEST_F(Clone3, a_target_can_have_the_number_of_the_programs_descriptor) {
    if (!std::ranges::count(available_backends(), "clone3"))
        GTEST_SKIP() << "no clone3 here";
    Fd fd(open(payload("exit0").c_str(), O_PATH | O_CLOEXEC));
    auto program = Template::from_fd(fd.get(), "exit0", {.backend = "clone3"});
    ASSERT_TRUE(program) << program.error().message();
    for (int target = 3; target < 20; ++target) {
        auto child = program->spawn(Command().null(target));
        ASSERT_TRUE(child) << child.error().message();
        EXPECT_EQ(child->wait(), ExitStatus::exited(0)) << target;
    }
}

class Choice : public CleanTest {};

TEST_F(Choice, takes_the_first_that_works) {
    ScopedEnv variable("SPAWNTPL_BACKEND", nullptr);
    auto program = Template::open(payload("exit0"));
    ASSERT_TRUE(program) << program.error().message();
    EXPECT_EQ(program->backend(), available_backends().front());
}

TEST_F(Choice, follows_the_environment) {
    ScopedEnv variable("SPAWNTPL_BACKEND", "posix_spawn");
    auto program = Template::open(payload("exit0"));
    ASSERT_TRUE(program) << program.error().message();
    EXPECT_EQ(program->backend(), "posix_spawn");
}

TEST_F(Choice, prefers_the_option_to_the_environment) {
    ScopedEnv variable("SPAWNTPL_BACKEND", "nonsense");
    auto program = Template::open(payload("exit0"), {.backend = "posix_spawn"});
    ASSERT_TRUE(program) << program.error().message();
    EXPECT_EQ(program->backend(), "posix_spawn");
}

TEST_F(Choice, an_empty_variable_forces_nothing) {
    ScopedEnv variable("SPAWNTPL_BACKEND", "");
    EXPECT_TRUE(Template::open(payload("exit0")));
}

TEST_F(Choice, an_unknown_name_is_answered_with_the_valid_ones) {
    ScopedEnv variable("SPAWNTPL_BACKEND", "nonsense");
    for (const char* name : {"", "Kernel"}) {
        auto program = Template::open(payload("exit0"), {.backend = name});
        ASSERT_FALSE(program);
        EXPECT_EQ(program.error().code, std::errc::invalid_argument);
        EXPECT_EQ(program.error().step, Step::choose_backend);
        EXPECT_THAT(program.error().message(), HasSubstr(*name ? "Kernel" : "nonsense"));
        for (const std::string& valid : all_backends())
            EXPECT_THAT(program.error().message(), HasSubstr(valid));
    }
}

}  // namespace
}  // namespace spawntpl::tests
