// SPDX-License-Identifier: MIT
//
// Many children from one call.
#include "support.hpp"

#include <signal.h>

namespace spawntpl::tests {
namespace {

class Batch : public BackendTest {
protected:
    /// What came of each: its exit code, or -1 where it was not started.
    static std::vector<int> codes(std::vector<Result<Child>> children) {
        std::vector<int> result;
        for (Result<Child>& child : children)
            result.push_back(child ? child->wait()->code().value_or(-2) : -1);
        return result;
    }
};
FOR_EACH_BACKEND(Batch);

Command exiting_with(int code) {
    return Command({"exit", std::to_string(code)});
}

TEST_P(Batch, children_come_in_the_order_of_the_commands) {
    std::vector<Command> commands;
    std::vector<int> expected;
    for (int i = 0; i < repetitions(150); ++i) {
        commands.push_back(exiting_with(i % 256));
        expected.push_back(i % 256);
    }
    auto children = must_open(payload("end")).spawn_all(commands);
    ASSERT_EQ(children.size(), commands.size());
    for (const auto& child : children) {
        ASSERT_TRUE(child) << child.error().message();
        EXPECT_EQ(child->backend(), backend());
    }
    EXPECT_EQ(codes(std::move(children)), expected);
}

TEST_P(Batch, of_none_and_of_one) {
    Template program = must_open(payload("end"));
    EXPECT_TRUE(program.spawn_all({}).empty());
    const Command one = exiting_with(3);
    EXPECT_THAT(codes(program.spawn_all({&one, 1})), testing::ElementsAre(3));
}

TEST_P(Batch, one_that_fails_leaves_the_others_and_says_why) {
    Template program = must_open(payload("end"));
    const std::vector<Command> commands = {
        exiting_with(1),
        exiting_with(2).cwd("/nonexistent"),
        exiting_with(3),
        exiting_with(4).process_group(0x3fffffff),
        exiting_with(5).new_session().process_group(),
        exiting_with(6).fd(5, 0x3fffffff),
        Command({std::string(1 << 20, 'x')}),
        exiting_with(8).new_session(),
    };
    auto children = program.spawn_all(commands);
    ASSERT_EQ(children.size(), commands.size());
    for (std::size_t i : {1, 3, 4, 5, 6}) {
        ASSERT_FALSE(children[i]) << i;
        Error alone = failure(program, commands[i]);
        EXPECT_EQ(children[i].error().message(), alone.message());
        EXPECT_EQ(children[i].error().step, alone.step);
        EXPECT_EQ(children[i].error().index, alone.index);
    }
    EXPECT_THAT(codes(std::move(children)), testing::ElementsAre(1, -1, 3, -1, -1, -1, -1, 8));
}

TEST_P(Batch, a_program_that_is_gone) {
    TemporaryDirectory directory;
    copy_program(payload("end"), directory / "program");
    Template program = must_open(directory / "program");
    const std::vector<Command> commands(3, exiting_with(7));
    EXPECT_THAT(codes(program.spawn_all(commands)), testing::Each(7));

    std::filesystem::remove(directory / "program");
    for (const auto& child : program.spawn_all(commands)) {
        ASSERT_FALSE(child);
        EXPECT_EQ(child.error().message(), failure(program).message());
    }
    write_file(directory / "program", "#!/bin/sh\nexit 9\n", 0755);
    EXPECT_THAT(codes(program.spawn_all(commands)), testing::Each(9));
    write_file(directory / "program", "#!/nonexistent/interpreter\n", 0755);
    for (const auto& child : program.spawn_all(commands)) {
        ASSERT_FALSE(child);
        EXPECT_EQ(child.error().message(), failure(program).message());
    }
}

TEST_P(Batch, programs_that_end_as_failed_starts_do) {
    const std::vector<Command> commands = {exiting_with(127), exiting_with(127).new_session(),
                                           exiting_with(127).return_early(), exiting_with(127)};
    EXPECT_THAT(codes(must_open(payload("end")).spawn_all(commands)), testing::Each(127));
}

TEST_P(Batch, commands_that_need_another_backend) {
    // Without a forced one.
    auto program = Template::open(payload("end"));
    ASSERT_TRUE(program);
    Command wide = exiting_with(2);
    for (int target = 3; target < 300; ++target)
        wide.null(target);
    const std::vector<Command> commands = {exiting_with(1), wide, exiting_with(3), wide};
    auto children = program->spawn_all(commands);
    ASSERT_TRUE(children[1]);
    EXPECT_NE(children[1]->backend(), "kernel");
    EXPECT_THAT(codes(std::move(children)), testing::ElementsAre(1, 2, 3, 2));
}

TEST_P(Batch, where_ends_of_children_are_not_told) {
    struct sigaction ignore {
    }, saved;
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGCHLD, &ignore, &saved);
    const std::vector<Command> commands = {exiting_with(1), exiting_with(2).cwd("/nonexistent"),
                                           exiting_with(3)};
    auto children = must_open(payload("end")).spawn_all(commands);
    EXPECT_TRUE(children[0]);
    EXPECT_FALSE(children[1]);
    EXPECT_TRUE(children[2]);
    for (auto& child : children)
        if (child)
            static_cast<void>(child->wait());
    sigaction(SIGCHLD, &saved, nullptr);
}

}  // namespace
}  // namespace spawntpl::tests
