// SPDX-License-Identifier: MIT
//
// Programs that say themselves where their image is taken: spawntpl_ready().
#include "warm_support.hpp"

// A program's own warnings are for what it has written itself.
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wold-style-cast"
#pragma GCC diagnostic error "-Wstrict-aliasing"
#include <spawntpl/ready.h>
#pragma GCC diagnostic pop

#include <chrono>
#include <iostream>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class WarmReady : public WarmTest {
protected:
    static Template ready(const std::string& program, std::vector<std::string> args) {
        TemplateOptions options = warm_by_process();
        options.ready_args = std::move(args);
        return value_or_throw(Template::open(program, options));
    }

    static Command command(std::vector<std::string> args) {
        return Command(std::move(args)).env({"A=1", "B=2"});
    }

    static const std::string& python() {
        static const std::string path = "/usr/bin/python3";
        return path;
    }

    static std::string script() { return program_directory() / "examples/warm_python.py"; }
};

TEST_F(WarmReady, call_returns_with_what_the_command_says) {
    Template program = ready(payload("ready"), {"to the point", "/etc/passwd"});
    for (const char* word : {"one", "two"}) {
        Output output = start(
            program, command({"", "", word}).arg0("name").umask(027).limit(RLIMIT_FSIZE, 123, 456));
        EXPECT_EQ(output.backend, "warm");
        EXPECT_EQ(output.status, ExitStatus::exited(0));
        EXPECT_EQ(output.out,
                  std::string("1 again 0, heap, 4 arguments\narg name\narg \narg \narg ") + word +
                      "\nenv A=1\nenv B=2\nenviron 1, A=1\numask 027, size 123\n");
    }
}

TEST_F(WarmReady, call_does_nothing_in_a_program_that_is_no_template) {
    Template warm_at_main = allowed(payload("ready"));
    Output expected = start(cold(payload("ready")), command({"word"}));
    EXPECT_THAT(expected.out, StartsWith("0 again 0, heap, 2 arguments\n"));
    Output output = start(warm_at_main, command({"word"}));
    EXPECT_EQ(output.backend, "warm");
    EXPECT_EQ(output.out, expected.out);
}

TEST_F(WarmReady, program_and_what_it_starts_on_its_way_do_not_know) {
    Output output = start(ready(payload("ready"), {"environment"}), command({"word"}));
    EXPECT_EQ(output.backend, "warm");
    EXPECT_THAT(output.out, StartsWith("1 again 0"));
}

TEST_F(WarmReady, call_does_nothing_in_a_child_of_the_program) {
    Output output = start(ready(payload("ready"), {"fork"}), command({"word"}));
    EXPECT_EQ(output.backend, "warm");
    EXPECT_THAT(output.out, StartsWith("1 again 0"));
}

TEST_F(WarmReady, output_before_the_call_is_not_the_childs) {
    Output output = start(ready(payload("ready"), {"output"}), command({"word"}));
    EXPECT_EQ(output.backend, "warm");
    EXPECT_THAT(output.out, StartsWith("1 again 0"));
}

TEST_F(WarmReady, header_can_be_used_in_cpp) {
    EXPECT_EQ(spawntpl_ready(nullptr, nullptr, nullptr, nullptr), 0);
}

TEST_F(WarmReady, what_a_copy_would_not_have_is_refused) {
    for (auto [state, reason] : {std::pair("thread", "has started threads"),
                                 {"descriptor", "has opened descriptors"},
                                 {"child", "has started processes"},
                                 {"end", "has ended before spawntpl_ready()"}})
        EXPECT_THAT(why_not(ready(payload("ready"), {state}), command({""}).null(1)),
                    HasSubstr(reason));
}

TEST_F(WarmReady, changed_file_that_the_program_has_named_is_read_again) {
    TemporaryDirectory directory;
    write_file(directory / "data", "1");
    Template program = ready(payload("ready"), {"", directory / "data"});
    ASSERT_EQ(start(program, command({"word"})).backend, "warm");
    pid_t before = template_process();
    ASSERT_EQ(start(program, command({"word"})).backend, "warm");
    EXPECT_EQ(template_process(), before);
    write_file(directory / "data", "2");
    ASSERT_EQ(start(program, command({"word"})).backend, "warm");
    EXPECT_NE(template_process(), before);
}

TEST_F(WarmReady, has_what_the_caller_has_now) {
    Template program = ready(payload("ready"), {"point"});
    TemporaryDirectory directory;
    Command own = command({"word"});
    own.cwd(directory.path()).umask(077).nice(5).file(1, "out", O_WRONLY | O_CREAT | O_TRUNC);
    auto child = value_or_throw(program.spawn(own.file(1, directory / "out", O_WRONLY | O_CREAT)));
    EXPECT_EQ(child.backend(), "warm") << child.why_not_warm();
    EXPECT_EQ(child.wait(), ExitStatus::exited(0));
    EXPECT_THAT(read_file(directory / "out"), StartsWith("1 again 0"));
}

TEST_F(WarmReady, program_leaves_what_is_the_callers_to_it) {
    Command own = command({"word"});
    mode_t mask = umask(037);
    Output expected = start(ready(payload("ready"), {"point"}), own);
    Output output = start(ready(payload("ready"), {"state"}), own);
    umask(mask);
    EXPECT_EQ(output.backend, "warm");
    EXPECT_THAT(output.out, HasSubstr("umask 037"));
    EXPECT_EQ(output.out, expected.out);
    if (geteuid() == 0) {
        EXPECT_THAT(why_not(ready(payload("ready"), {"groups"}), own.null(1)),
                    HasSubstr("has other supplementary groups than the caller"));
    }
}

TEST_F(WarmReady, python_with_its_modules_imported) {
    if (access(python().c_str(), X_OK) != 0)
        GTEST_SKIP() << "there is no " << python();
    Template warm = ready(python(), {script()});
    Template cold_python = cold(python());
    auto measured = [](const Template& program, const Command& command, std::string_view backend) {
        auto begin = std::chrono::steady_clock::now();
        Output output = start(program, command);
        auto time = std::chrono::steady_clock::now() - begin;
        EXPECT_EQ(output.backend, backend);
        EXPECT_EQ(output.status, ExitStatus::exited(0)) << output.err;
        return std::pair(output.out, std::chrono::duration<double>(time).count());
    };
    Command words = command({script(), "one", "two"}).set_env("LANG", "C");
    Command imports = command({"-c", "import argparse, json, re, subprocess, urllib.request"});
    std::string expected = "{\"words\": [\"one\", \"two\"], \"lang\": \"C\"}\n";
    EXPECT_EQ(start(cold_python, words).out, expected);
    EXPECT_EQ(measured(warm, words, "warm").first, expected);

    double warm_time = 0, cold_time = 0;
    for (int i = 0; i < 5; ++i) {
        warm_time += measured(warm, words, "warm").second;
        cold_time += measured(cold_python, imports, cold_python.backend()).second;
    }
    double ratio = cold_time / warm_time;
    std::cout << "warm: " << ratio << " times as fast as the imports alone\n";
    // Where the clock counts instructions, see tests/test_warm_budget.py.
    if (getenv("SPAWNTPL_CLOCK_COUNTS")) {
        EXPECT_GE(ratio, 5);
    }
}

}  // namespace
}  // namespace spawntpl::tests
