// SPDX-License-Identifier: MIT
//
// Environments: as values, of a Template, of a Command, and changes to whichever it is.
#include "support.hpp"

#include <thread>

#include <unistd.h>

namespace spawntpl::tests {
namespace {

using namespace std::string_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(EnvironmentValue, set_replaces_all_entries_of_a_name_by_one) {
    Environment env{"A=1", "B=2", "A=3", "AB=4"};
    env.set("A", "new");
    EXPECT_THAT(env.entries(), ElementsAre("A=new", "B=2", "AB=4"));
    env.set("C", "");
    EXPECT_THAT(env.entries(), ElementsAre("A=new", "B=2", "AB=4", "C="));
}

TEST(EnvironmentValue, unset_removes_all_entries_of_a_name) {
    Environment env{"A=1", "B=2", "A=3", "AB=4", "A"};
    env.unset("A").unset("none");
    EXPECT_THAT(env.entries(), ElementsAre("B=2", "AB=4", "A"));
}

TEST(EnvironmentValue, get_finds_the_first) {
    Environment env{"AB=4", "A=1", "A=2", "EMPTY=", "malformed"};
    EXPECT_EQ(env.get("A"), "1");
    EXPECT_EQ(env.get("EMPTY"), "");
    EXPECT_EQ(env.get("malformed"), std::nullopt);
    EXPECT_EQ(env.get("none"), std::nullopt);
}

TEST(EnvironmentValue, current_is_a_copy_of_the_callers) {
    ScopedEnv variable("SPAWNTPL_TEST_VARIABLE", "then");
    Environment env = Environment::current();
    setenv("SPAWNTPL_TEST_VARIABLE", "now", 1);
    EXPECT_EQ(env.get("SPAWNTPL_TEST_VARIABLE"), "then");
    EXPECT_EQ(Environment::current().get("SPAWNTPL_TEST_VARIABLE"), "now");
}

/// This program without any environment, not even an empty one.
class NoEnviron {
public:
    NoEnviron() : saved_(std::exchange(environ, nullptr)) {}
    NoEnviron(const NoEnviron&) = delete;
    ~NoEnviron() { environ = saved_; }

private:
    char** saved_;
};

TEST(EnvironmentValue, current_can_be_none) {
    NoEnviron none;
    EXPECT_EQ(Environment::current(), Environment());
}

class EnvironmentTest : public BackendTest {
protected:
    Template open_with(TemplateOptions options) const {
        options.backend = backend();
        auto result = Template::open(payload("show"), options);
        EXPECT_TRUE(result) << result.error().message();
        return *result;
    }

    Template open_with_env(Environment env) const { return open_with({.env = std::move(env)}); }

    /// A start without a Command.
    Shown show_default(const Template& program) const { return show(program, program.command()); }

    Error change_failure(const Command& command) const {
        Error error = failure(must_open(payload("exit0")), command);
        EXPECT_EQ(error.code, std::errc::invalid_argument);
        EXPECT_EQ(error.step, Step::request);
        EXPECT_EQ(error.path, payload("exit0"));
        return error;
    }
};
FOR_EACH_WAY(EnvironmentTest);

TEST_P(EnvironmentTest, changes_apply_to_the_callers) {
    ScopedEnv kept("SPAWNTPL_TEST_KEPT", "1"), gone("SPAWNTPL_TEST_GONE", "2");
    Command command;
    command.set_env("SPAWNTPL_TEST_NEW", "3").unset_env("SPAWNTPL_TEST_GONE");
    auto env = show(command).env;
    EXPECT_THAT(env, Contains("SPAWNTPL_TEST_KEPT=1"));
    EXPECT_THAT(env, Contains("SPAWNTPL_TEST_NEW=3"));
    EXPECT_THAT(env, Not(Contains("SPAWNTPL_TEST_GONE=2")));
    EXPECT_STREQ(getenv("SPAWNTPL_TEST_GONE"), "2");
    EXPECT_EQ(getenv("SPAWNTPL_TEST_NEW"), nullptr);
}

TEST_P(EnvironmentTest, changes_apply_to_the_commands) {
    Command command;
    command.env({"A=1", "B=2", "A=3", "C=4"}).set_env("A", "new").unset_env("B").set_env("D", "5");
    EXPECT_THAT(show(command).env, ElementsAre("A=new", "C=4", "D=5"));
}

TEST_P(EnvironmentTest, changes_apply_whether_before_or_after_env) {
    Command command = Command().set_env("A", "new").env({"A=1", "B=2"});
    EXPECT_THAT(show(command).env, ElementsAre("A=new", "B=2"));
}

TEST_P(EnvironmentTest, changes_apply_to_the_templates) {
    Template program = open_with_env({"A=1", "B=2"});
    EXPECT_THAT(show(program, Command().set_env("B", "").set_env("C", "=")).env,
                ElementsAre("A=1", "B=", "C=="));
    EXPECT_THAT(show(program, {}).env, ElementsAre("A=1", "B=2")) << "the Template has changed";
}

TEST_P(EnvironmentTest, last_change_of_a_variable_counts) {
    Command command = Command().env({"A=1", "B=2"});
    command.set_env("A", "x").unset_env("A").set_env("A", "y").set_env("B", "z").unset_env("B");
    EXPECT_THAT(show(command).env, ElementsAre("A=y"));
}

TEST_P(EnvironmentTest, unset_of_none_changes_nothing) {
    EXPECT_THAT(show(Command().env({"A=1", "malformed"}).unset_env("B").unset_env("malformed")).env,
                ElementsAre("A=1", "malformed"));
}

TEST_P(EnvironmentTest, name_that_begins_another_is_not_it) {
    Command command = Command().env({"AB=1", "A=2", "A"}).set_env("A", "new");
    EXPECT_THAT(show(command).env, ElementsAre("AB=1", "A=new", "A"));
}

TEST_P(EnvironmentTest, values_arrive_byte_for_byte) {
    std::string value = "\xff\n\t \"'\\$=\x01";
    EXPECT_THAT(show(Command().env({}).set_env("A", value)).env, ElementsAre("A=" + value));
}

TEST_P(EnvironmentTest, impossible_names_are_named) {
    EXPECT_THAT(change_failure(Command().set_env("", "x")).message(),
                HasSubstr("the name of an environment variable is empty"));
    EXPECT_THAT(change_failure(Command().set_env("A=B", "x")).message(),
                HasSubstr("the name of the environment variable 'A=B' contains a '='"));
    EXPECT_THAT(change_failure(Command().unset_env("A\0B"s)).message(),
                HasSubstr("the name of the environment variable 'A' contains a NUL"));
    EXPECT_THAT(change_failure(Command().set_env("A", "x\0"s)).message(),
                HasSubstr("the value of the environment variable 'A' contains a NUL"));
    // Even where a later one of the same name is right.
    change_failure(Command().set_env("A", "x\0"s).set_env("A", "y"));
}

TEST_P(EnvironmentTest, many_changes_work) {
    Environment base;
    Command command;
    std::vector<std::string> expected;
    for (int i = 0; i < 1000; ++i) {
        std::string name = "V" + std::to_string(i);
        base.set(name, "old");
        if (i % 2)
            command.unset_env(name);
        else
            expected.push_back(name + "=old");
    }
    EXPECT_EQ(show(command.env(base)).env, expected);
}

TEST_P(EnvironmentTest, copies_of_a_command_share_it_and_change_it_apart) {
    Command first = Command().env({"A=1"});
    Command second = Command(first).set_env("A", "2");
    EXPECT_EQ(first.env(), second.env());
    EXPECT_THAT(show(first).env, ElementsAre("A=1"));
    EXPECT_THAT(show(second).env, ElementsAre("A=2"));
}

TEST_P(EnvironmentTest, templates_is_prepared_once) {
    ScopedEnv variable("SPAWNTPL_TEST_VARIABLE", "then");
    Template program = open_with_env(Environment::current());
    setenv("SPAWNTPL_TEST_VARIABLE", "now", 1);
    EXPECT_THAT(show(program, {}).env, Contains("SPAWNTPL_TEST_VARIABLE=then"));
    EXPECT_THAT(show({}).env, Contains("SPAWNTPL_TEST_VARIABLE=now"));
}

TEST_P(EnvironmentTest, templates_can_be_empty) {
    EXPECT_THAT(show(open_with_env({}), {}).env, IsEmpty());
}

TEST_P(EnvironmentTest, commands_replaces_the_templates) {
    Template program = open_with_env({"A=template"});
    EXPECT_THAT(show(program, Command().env({"B=command"})).env, ElementsAre("B=command"));
    EXPECT_THAT(show(program, Command().env({})).env, IsEmpty());
}

TEST_P(EnvironmentTest, templates_outlives_what_it_was_made_from) {
    auto env = std::make_unique<Environment>(std::vector<std::string>(100, "A=1"));
    Template program = open_with_env(*env);
    env.reset();
    EXPECT_EQ(show(program, {}).env, std::vector<std::string>(100, "A=1"));
}

TEST_P(EnvironmentTest, templates_with_a_nul_is_refused) {
    TemplateOptions options = this->options();
    options.env = Environment{"A=1", "B=\0"s};
    auto program = Template::open(payload("exit0"), options);
    ASSERT_FALSE(program);
    EXPECT_EQ(program.error().code, std::errc::invalid_argument);
    EXPECT_EQ(program.error().step, Step::request);
    EXPECT_EQ(program.error().message(), "cannot start '" + payload("exit0") +
                                             "' as requested: Invalid argument (environment "
                                             "entry 1 contains a NUL)");
}

TEST_P(EnvironmentTest, templates_is_shared_by_threads) {
    Template program = open_with_env({"A=1", "B=2"});
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&, i] {
            std::string own = std::to_string(i);
            for (int n = 0; n < 10; ++n)
                EXPECT_THAT(show(program, Command().set_env("B", own)).env,
                            ElementsAre("A=1", "B=" + own));
        });
}

TEST_P(EnvironmentTest, caller_without_an_environment) {
    Template program = must_open(payload("show"));
    NoEnviron none;
    EXPECT_THAT(show(program, {}).env, IsEmpty());
    EXPECT_THAT(show(program, Command().set_env("A", "1").unset_env("B")).env, ElementsAre("A=1"));
}

TEST_P(EnvironmentTest, template_starts_its_command) {
    TemporaryDirectory directory;
    Command command({"first"});
    command.cwd(directory.path()).set_env("A", "1").null(1);
    Template program = open_with({.env = Environment(), .command = command});
    Shown shown = show_default(program);
    EXPECT_THAT(shown.args, ElementsAre(payload("show"), "first"));
    EXPECT_THAT(shown.env, ElementsAre("A=1"));
    EXPECT_EQ(shown.cwd, directory.path());

    auto child = program.spawn();
    ASSERT_TRUE(child) << child.error().message();
    EXPECT_EQ(child->backend(), backend());
    EXPECT_TRUE(child->wait()->success());
}

TEST_P(EnvironmentTest, templates_command_is_where_others_begin) {
    Command command({"first"});
    Template program = open_with({.env = Environment{"A=1"}, .command = command.set_env("B", "2")});
    Shown shown = show(program, Command(program.command()).arg("second").unset_env("A"));
    EXPECT_THAT(shown.args, ElementsAre(payload("show"), "first", "second"));
    EXPECT_THAT(shown.env, ElementsAre("B=2"));
    EXPECT_THAT(show(program, {}).args, ElementsAre(payload("show"))) << "a Command adds to it";
    EXPECT_THAT(show_default(program).args, ElementsAre(payload("show"), "first"));
}

TEST_P(EnvironmentTest, template_of_a_descriptor_has_both) {
    Fd file(::open(payload("show").c_str(), O_RDONLY | O_CLOEXEC));
    TemplateOptions with_both = options();
    with_both.env = Environment{"A=1"};
    with_both.command = Command({"x"});
    auto program = Template::from_fd(file.get(), "name", with_both);
    ASSERT_TRUE(program) << program.error().message();
    Shown shown = show_default(*program);
    EXPECT_THAT(shown.args, ElementsAre("name", "x"));
    EXPECT_THAT(shown.env, ElementsAre("A=1"));
}

}  // namespace
}  // namespace spawntpl::tests
