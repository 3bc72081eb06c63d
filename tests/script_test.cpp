// SPDX-License-Identifier: MIT
//
// Programs that begin with "#!".
#include "program.hpp"
#include "support.hpp"

namespace spawntpl::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Scripts : public BackendTest {
protected:
    std::string make_script(const std::string& content) const {
        write_file(directory_ / "script", content, 0755);
        return directory_ / "script";
    }

    TemporaryDirectory directory_;
};
FOR_EACH_WAY(Scripts);

TEST_P(Scripts, run) {
    Template program = must_open(make_script("#!/bin/sh\necho \"$0 $1\"; exit 6\n"));
    Output output = capture(program, Command({"argument"}));
    EXPECT_EQ(output.text, directory_ / "script argument\n");
    EXPECT_EQ(output.status.code(), 6);
}

TEST_P(Scripts, interpreter_gets_its_argument_and_the_path) {
    Template program = must_open(make_script("#! " + payload("show") + " one argument\n"));
    EXPECT_THAT(show(program, Command({"x"})).args,
                ElementsAre(payload("show"), "one argument", directory_ / "script", "x"));
}

TEST_P(Scripts, run_from_a_relative_path_in_another_directory) {
    make_script("#!/bin/sh\necho run\n");
    auto before = std::filesystem::current_path();
    std::filesystem::current_path(directory_.path());
    Template program = must_open("./script");
    std::filesystem::current_path(before);
    EXPECT_EQ(capture(program, Command().cwd("/")).text, "run\n");
}

TEST_P(Scripts, of_scripts_run) {
    write_file(directory_ / "inner", "#!/bin/sh\necho \"$0 $@\"\n", 0755);
    Template program = must_open(make_script("#!" + (directory_ / "inner") + "\n"));
    EXPECT_EQ(capture(program, Command({"x"})).text,
              (directory_ / "inner") + " " + (directory_ / "script") + " x\n");
}

TEST_P(Scripts, missing_interpreter_is_named) {
    Error error = failure(must_open(make_script("#!/nonexistent/interpreter -x\n")));
    EXPECT_EQ(error.code, std::errc::no_such_file_or_directory);
    EXPECT_EQ(error.step, Step::execute);
    EXPECT_EQ(error.path, directory_ / "script");
    EXPECT_THAT(error.message(), HasSubstr("its interpreter is '/nonexistent/interpreter'"));
}

TEST_P(Scripts, forbidden_interpreter_is_named) {
    Error error = failure(must_open(make_script("#!/etc/passwd\n")));
    EXPECT_EQ(error.code, std::errc::permission_denied);
    EXPECT_EQ(error.step, Step::execute);
    EXPECT_THAT(error.message(), HasSubstr("its interpreter is '/etc/passwd'"));
}

TEST_P(Scripts, endless_recursion_is_an_error) {
    Error error = failure(must_open(make_script("#!" + (directory_ / "script") + "\n")));
    EXPECT_EQ(error.code, std::errc::too_many_symbolic_link_levels);
    EXPECT_EQ(error.step, Step::execute);
}

TEST(ScriptInterpreter, is_read_as_the_kernel_does) {
    TemporaryDirectory directory;
    const std::pair<const char*, const char*> cases[] = {
        {"#!/bin/sh\n", "/bin/sh"},
        {"#! \t/bin/sh -e x\n", "/bin/sh"},
        {"#!/bin/sh", "/bin/sh"},
        {"#!/bin/sh\t-e", "/bin/sh"},
        {"#!\n/bin/sh\n", ""},
        {"#!   \n", ""},
        {"# !/bin/sh\n", ""},
        {"\x7f"
         "ELF",
         ""},
        {"#", ""},
        {"", ""},
    };
    for (auto [content, interpreter] : cases) {
        write_file(directory / "file", content);
        EXPECT_EQ(detail::script_interpreter(directory / "file"), interpreter) << content;
    }
    EXPECT_EQ(detail::script_interpreter(directory / "missing"), "");
}

}  // namespace
}  // namespace spawntpl::tests
