// SPDX-License-Identifier: MIT
//
// Callers that live in places where processes are not easily started. Each is a program of its
// own: the payload `essentials`, with shared libraries and without any.
#include "support.hpp"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

/// Backend, and name of the program.
class Conditions : public CleanTest,
                   public testing::WithParamInterface<std::tuple<std::string, std::string>> {
protected:
    void SetUp() override {
        if (!std::filesystem::exists(payload(program())))
            GTEST_SKIP() << "a static program cannot have sanitizers";
    }

    static std::string backend() { return std::get<0>(GetParam()); }

    static std::string program() { return std::get<1>(GetParam()); }

    /// By whatever backend: this is not the one under test.
    static void expect_success(const std::string& program, Command command) {
        auto opened = Template::open(program);
        ASSERT_TRUE(opened) << opened.error().message();
        auto child = opened->spawn(command.pipe_from_child(STDERR_FILENO));
        ASSERT_TRUE(child) << child.error().message();
        EXPECT_EQ(read_all(child->pipe(STDERR_FILENO)), "");
        EXPECT_EQ(child->wait(), ExitStatus::exited(0));
    }

    static void expect_essentials(const std::string& condition, Command command = {}) {
        expect_success(payload(program()), command.args({backend(), condition}));
    }
};

const std::string programs[] = {"essentials", "essentials-static"};

std::string condition_test_name(
    const testing::TestParamInfo<std::tuple<std::string, std::string>>& info) {
    const auto& [backend, program] = info.param;
    return (backend.empty() ? "automatic" : backend) + (program == programs[0] ? "" : "_static");
}

INSTANTIATE_TEST_SUITE_P(Backend, Conditions,
                         testing::Combine(testing::ValuesIn(available_backends()),
                                          testing::ValuesIn(programs)),
                         condition_test_name);

TEST_P(Conditions, none) {
    expect_essentials("plain");
}

TEST_P(Conditions, first_process_of_a_pid_namespace) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can make namespaces anywhere";
    expect_essentials("pid-1", Command().namespaces(CLONE_NEWPID));
}

TEST_P(Conditions, ignored_sigchld) {
    expect_essentials("sigchld-ignored");
}

TEST_P(Conditions, closed_standard_descriptors) {
    expect_essentials("closed-standard-descriptors");
}

TEST_P(Conditions, high_descriptors) {
    expect_essentials("high-descriptors");
}

TEST_P(Conditions, signals_on_an_alternate_stack) {
    expect_essentials("alternate-stack");
}

TEST_P(Conditions, thread_with_a_small_stack) {
    expect_essentials("stack-64k");
    expect_essentials("stack-128k");
}

TEST_P(Conditions, threads) {
    expect_essentials("threads");
}

TEST_P(Conditions, after_fork) {
    expect_essentials("fork");
}

/// As under the usual filter of containers. The backend is the library's own choice.
class Container : public Conditions {};

INSTANTIATE_TEST_SUITE_P(Any, Container,
                         testing::Combine(testing::Values(std::string()),
                                          testing::ValuesIn(programs)),
                         condition_test_name);

TEST_P(Container, forbids_clone3_and_io_uring) {
    expect_success(payload("refuse"),
                   Command({std::to_string(SYS_clone3), std::to_string(ENOSYS), payload("refuse"),
                            std::to_string(SYS_io_uring_setup), std::to_string(EPERM),
                            payload(program()), backend(), "plain"}));
}

}  // namespace
}  // namespace spawntpl::tests
