// SPDX-License-Identifier: MIT
//
// Arguments and environment reach the child byte for byte, up to the kernel's limits.
#include "support.hpp"

#include <sys/resource.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The longest string that execve(2) takes has this many bytes, and a NUL.
constexpr std::size_t longest_string = 32 * 4096 - 1;

class Arguments : public BackendTest {};
FOR_EACH_WAY(Arguments);

TEST_P(Arguments, arg0_is_the_program_as_given) {
    EXPECT_THAT(show().args, ElementsAre(payload("show")));

    ScopedEnv path("PATH", (program_directory() / "payloads").c_str());
    EXPECT_THAT(show(must_open("show"), {}).args, ElementsAre("show"));
}

TEST_P(Arguments, arg0_can_differ) {
    EXPECT_THAT(show(Command().arg0("other").arg("x")).args, ElementsAre("other", "x"));
    EXPECT_THAT(show(Command().arg0("")).args, ElementsAre(""));
}

TEST_P(Arguments, arrive_exactly) {
    std::vector<std::string> args = {"", "a b", "", "\n\t\"'\\$*", "\xff\xfe\x01", "--", ""};
    std::vector<std::string> expected = args;
    expected.insert(expected.begin(), "show");
    EXPECT_EQ(show(Command(args).arg0("show")).args, expected);
}

TEST_P(Arguments, many_arrive_in_order) {
    Command command;
    command.arg0("0");
    std::vector<std::string> expected = {"0"};
    for (int i = 1; i < 20'000; ++i) {
        command.arg(std::to_string(i));
        expected.push_back(std::to_string(i));
    }
    EXPECT_EQ(show(command).args, expected);
}

TEST_P(Arguments, longest_works) {
    std::string arg(longest_string, 'x');
    EXPECT_EQ(show(Command({arg})).args.at(1), arg);
}

TEST_P(Arguments, one_longer_is_refused) {
    Error error = failure(must_open(payload("show")),
                          Command({"short", std::string(longest_string + 1, 'x')}));
    EXPECT_EQ(error.code, std::errc::argument_list_too_long);
    EXPECT_EQ(error.step, Step::request);
    EXPECT_THAT(error.message(), HasSubstr("argument 2 takes 131073 bytes, the limit is 131072"));
}

TEST_P(Arguments, too_many_are_refused) {
    Command command;
    for (int i = 0; i < 100; ++i)
        command.arg(std::string(longest_string, 'x'));
    Error error = failure(must_open(payload("show")), command);
    EXPECT_EQ(error.code, std::errc::argument_list_too_long);
    EXPECT_EQ(error.step, Step::request);
    EXPECT_THAT(error.message(), HasSubstr("arguments and environment take 13"));
}

TEST_P(Arguments, the_childs_own_stack_limit_counts) {
    const auto& info = *std::ranges::find(backends(), backend(), &BackendInfo::name);
    if (!std::ranges::count(info.features, "resource limits"))
        return;
    Command command({std::string(longest_string, 'x'), std::string(longest_string, 'y')});
    EXPECT_EQ(show(command).args.size(), 3U);
    rlimit hard{};
    getrlimit(RLIMIT_STACK, &hard);
    command.limit(RLIMIT_STACK, 512 << 10, hard.rlim_max);
    Error error = failure(must_open(payload("show")), command);
    EXPECT_EQ(error.code, std::errc::argument_list_too_long);
    EXPECT_EQ(error.step, Step::request);
    // A quarter of it, which is the least that there can be.
    EXPECT_THAT(error.message(), HasSubstr("bytes, the limit is 131072"));
}

TEST_P(Arguments, nul_is_refused) {
    Template program = must_open(payload("show"));
    using namespace std::string_literals;
    Error error = failure(program, Command({"a", "b\0c"s}));
    EXPECT_EQ(error.code, std::errc::invalid_argument);
    EXPECT_EQ(error.step, Step::request);
    EXPECT_THAT(error.message(), HasSubstr("argument 2 contains a NUL"));
    EXPECT_THAT(failure(program, Command().arg0("\0"s)).message(),
                HasSubstr("argument 0 contains a NUL"));
    EXPECT_THAT(failure(program, Command().env({"A=1", "B=\0"s})).message(),
                HasSubstr("environment entry 1 contains a NUL"));
}

TEST_P(Arguments, environment_is_inherited) {
    ScopedEnv variable("SPAWNTPL_TEST_VARIABLE", "some value");
    std::vector<std::string> own;
    for (char** entry = environ; *entry; ++entry)
        own.emplace_back(*entry);
    EXPECT_EQ(show().env, own);
}

TEST_P(Arguments, environment_is_replaced_exactly) {
    std::vector<std::string> env = {"B=2", "A=1", "A=again", "no equals sign", "", "=", "Z="};
    EXPECT_EQ(show(Command().env(env)).env, env);
}

TEST_P(Arguments, environment_can_be_empty) {
    EXPECT_THAT(show(Command().env({})).env, IsEmpty());
}

TEST_P(Arguments, environment_of_100_KiB_works) {
    std::vector<std::string> env;
    for (int i = 0; i < 100; ++i)
        env.push_back("VARIABLE_" + std::to_string(i) + "=" + std::string(1024, 'v'));
    EXPECT_EQ(show(Command().env(env)).env, env);
}

TEST_P(Arguments, too_long_environment_entry_is_refused) {
    Error error =
        failure(must_open(payload("show")), Command().env({std::string(longest_string + 1, 'x')}));
    EXPECT_EQ(error.code, std::errc::argument_list_too_long);
    EXPECT_THAT(error.message(), HasSubstr("environment entry 0 takes 131073 bytes"));
}

TEST_P(Arguments, request_can_be_used_again) {
    Template program = must_open(payload("show"));
    Command command({"x"});
    for (int i = 0; i < 3; ++i)
        EXPECT_THAT(show(program, command).args, ElementsAre(payload("show"), "x"));
}

}  // namespace
}  // namespace spawntpl::tests
