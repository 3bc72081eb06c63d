// SPDX-License-Identifier: MIT
//
// Programs that Debian ships do the same, warm or started by posix_spawn: output, exit status and
// signal, with several arguments, inputs, environments and directories, where they fail, too.
#include "program.hpp"
#include "support.hpp"

#include <algorithm>
#include <ostream>

#include <signal.h>

namespace spawntpl::tests {
namespace {

struct Case {
    std::vector<std::string> args;
    std::string input{};
};

struct Tool {
    std::string name;
    std::vector<Case> cases;
};

void PrintTo(const Tool& tool, std::ostream* stream) {
    *stream << tool.name;
}

const std::string lines = "pear 3\napple 12\nfig 7\napple 1\n";

std::vector<Tool> tools() {
    return {
        {"awk", {{{"{ s += $2 } END { print s }"}, lines}, {{"BEGIN { exit 3 }"}}, {{"{"}}}},
        {"base64", {{{}, lines}, {{"-d"}, "cGVhcg=="}, {{"-d"}, "?"}}},
        {"basename", {{{"/usr/lib/x.so", ".so"}}, {{}}}},
        {"bash",
         {{{"-c", "echo $0 $# \"$@\"; exit 4", "a", "b c"}},
          {{"-c", "kill -TERM $$"}},
          {{"-c", "cd /; pwd; ulimit -n; trap"}},
          {{"-c", "x=(1 2 3); cat <<<\"${x[@]}\"; false | true; echo ${PIPESTATUS[@]}"}},
          {{"-c", "("}},
          {{"-s", "arg"}, "read line\nfirst\necho \"$line$1\"\n"}}},
        {"bc", {{{}, "2^64\nscale=5; 1/3\n"}, {{"-q", "/nonexistent"}}}},
        {"bzip2", {{{"-c"}, lines}, {{"-d"}, "not bzip2"}}},
        {"cat", {{{}, lines}, {{"-A", "a", "/nonexistent"}}}},
        {"cmp", {{{"a", "b"}}, {{"a", "a"}}, {{"a"}}}},
        {"comm", {{{"a", "b"}}, {{}}}},
        {"cpio", {{{"-o", "--quiet", "--reproducible"}, "a\n"}, {{"-i"}, "garbage"}}},
        {"curl", {{{"--version"}}, {{"file:///nonexistent"}}, {{}}}},
        {"cut", {{{"-d", " ", "-f", "2"}, lines}, {{"-x"}}}},
        {"dash",
         {{{"-c", "echo $0 $PPID | wc -w; exit 5"}}, {{"-c", "kill -9 $$"}}, {{"-c", "("}}}},
        {"date", {{{"-u", "-d", "@0"}}, {{"-d", "nonsense"}}}},
        {"dd", {{{"bs=1", "count=3", "status=none"}, lines}, {{"if=/nonexistent"}}}},
        {"diff", {{{"a", "b"}}, {{"-u", "a", "a"}}, {{"a", "/nonexistent"}}}},
        {"dirname", {{{"/usr/lib/x"}}, {{}}}},
        {"ed", {{{"-s", "a"}, ",p\nq\n"}, {{"-s", "/nonexistent"}, "p\nq\n"}}},
        {"env", {{{"-i", "A=1", "env"}}, {{"--", "/nonexistent"}}, {{}}}},
        {"expr", {{{"6", "*", "7"}}, {{"1", "+"}}, {{"0"}}}},
        {"false", {{{}}, {{"--version"}}}},
        {"file", {{{"a", "/bin/sh"}}, {{"/nonexistent"}}}},
        {"find", {{{".", "-maxdepth", "1", "-name", "[ab]"}}, {{"/nonexistent"}}, {{".", "-x"}}}},
        {"gawk", {{{"{ print toupper($1) }"}, lines}, {{"BEGIN { exit 1 }"}}}},
        {"gcc", {{{"-v"}}, {{"-E", "-"}, "#define X 1\nX\n"}, {{"/nonexistent.c"}}}},
        {"git",
         {{{"--version"}}, {{"status"}}, {{"hash-object", "--stdin"}, lines}, {{"nonsense"}}}},
        {"grep",
         {{{"-c", "apple"}, lines},
          {{"nothing"}, lines},
          {{"["}, lines},
          {{"-h", "fig", "a", "/nonexistent"}}}},
        {"gzip", {{{"-nc"}, lines}, {{"-d"}, "not gzip"}}},
        {"head", {{{"-n", "2"}, lines}, {{"/nonexistent"}}}},
        {"id", {{{}}, {{"-Gn"}}, {{"no-such-user"}}}},
        {"jq", {{{".a"}, "{\"a\": [1, 2]}"}, {{"."}, "{"}, {{"("}}}},
        {"ldd", {{{"/bin/true"}}}},
        {"less", {{{"--version"}}, {{"a"}}}},
        {"ls", {{{"-a"}}, {{"/nonexistent"}}, {{"-Q", "a", "b"}}}},
        {"m4", {{{}, "define(x, 1)x\n"}, {{"/nonexistent"}}}},
        {"make", {{{"-f", "-"}, "all:\n\t@echo made\n"}, {{"nothing"}}}},
        {"md5sum", {{{}, lines}, {{"-c"}, "nonsense"}}},
        {"nice", {{{}}, {{"-n", "5", "nice"}}, {{"-n", "x", "nice"}}}},
        {"node",
         {{{"-e", "console.log(process.argv.length, process.title)"}},
          {{"-e", "process.exit(6)"}}}},
        {"nproc", {{{}}, {{"--ignore=x"}}}},
        {"od", {{{"-c"}, lines}, {{"-t", "z"}}}},
        {"openssl", {{{"version"}}, {{"dgst", "-sha256"}, lines}, {{"nonsense"}}}},
        {"perl",
         {{{"-e", "print \"$0 @ARGV\\n\"", "x"}},
          {{"-MPOSIX", "-e", "print floor(2.5), getcwd()"}},
          {{"-e", "kill 'ABRT', $$"}},
          {{"-ne", "print uc"}, lines},
          {{"-e", "die \"x\\n\""}}}},
        {"printf", {{{"%s-%d\\n", "a", "5"}}, {{"%d", "x"}}}},
        {"pwd", {{{}}, {{"-x"}}}},
        {"python3",
         {{{"-c", "import sys, os; print(sys.argv, os.getcwd(), sorted(os.environ))", "x"}},
          {{"-c", "import json; print(json.dumps({'a': 1}))"}},
          {{"-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"}},
          {{"-"}, "import sys\nsys.exit(9)\n"},
          {{"-c", "1/0"}}}},
        {"readlink", {{{"-f", "a"}}, {{"a"}}}},
        {"rsync", {{{"--version"}}, {{"/nonexistent", "x"}}}},
        {"sed", {{{"-n", "s/apple/&s/p"}, lines}, {{"q7"}, lines}, {{"s/x"}, lines}}},
        {"seq", {{{"3"}}, {{"a"}}}},
        {"sha256sum", {{{}, lines}, {{"/nonexistent"}}}},
        {"sort", {{{"-k", "2n"}, lines}, {{"-c"}, lines}, {{"/nonexistent"}}}},
        {"sqlite3", {{{":memory:", "select 6 * 7"}}, {{":memory:", "nonsense"}}}},
        {"stat", {{{"-c", "%s %n", "a"}}, {{"/nonexistent"}}}},
        {"tail", {{{"-n", "1"}, lines}, {{"/nonexistent"}}}},
        {"tar", {{{"--version"}}, {{"-cf", "-", "--mtime=@0", "a"}}, {{"-tf", "/nonexistent"}}}},
        {"tr", {{{"a-z", "A-Z"}, lines}, {{}}}},
        {"true", {{{}}, {{"--version"}}}},
        {"uname", {{{"-a"}}, {{"-x"}}}},
        {"uniq", {{{"-c"}, "a\na\nb\n"}, {{"/nonexistent"}}}},
        {"wc", {{{}, lines}, {{"/nonexistent"}}}},
        {"xargs", {{{"-n", "1", "echo"}, "a b c"}, {{"false"}, "x"}}},
        {"xz", {{{"-c"}, lines}, {{"-d"}, "not xz"}}},
        {"zsh", {{{"-fc", "print -r $ZSH_NAME $#; exit 8"}}, {{"-fc", "kill -TERM $$"}}}},
    };
}

class Differential : public CleanTest, public testing::WithParamInterface<Tool> {
protected:
    Differential() {
        write_file(directory_ / "a", lines);
        write_file(directory_ / "b", "fig 7\nlemon\n");
    }

    void compare(const Template& cold, const Template& warm, const Command& command) {
        Output expected = value_or_throw(run(cold, command));
        auto output = run(warm, command);
        ASSERT_TRUE(output) << output.error().message();
        EXPECT_EQ(output->backend, "warm");
        EXPECT_EQ(output->status, expected.status);
        EXPECT_EQ(output->out, expected.out);
        EXPECT_EQ(output->err, expected.err);
    }

    TemporaryDirectory directory_;
};

TEST_P(Differential, is_the_same) {
    if (!std::ranges::count(available_ways(), "warm"))
        GTEST_SKIP() << "no warm starts here";
    auto cold = Template::open(GetParam().name, {.backend = "posix_spawn"});
    if (!cold)
        GTEST_SKIP() << GetParam().name << " is not installed";
    if (!detail::script_interpreter(cold->program()).empty()) {
        EXPECT_FALSE(Template::open(GetParam().name, {.warm = Warm::required}));
        return;
    }
    auto warm = Template::open(GetParam().name, {.warm = Warm::required});
    ASSERT_TRUE(warm) << warm.error().message();
    for (const char* locale : {"C", "C.UTF-8"})
        for (const std::string& directory : {directory_.path(), std::string("/usr")})
            for (const Case& test : GetParam().cases) {
                Command command(test.args);
                command.cwd(directory).set_env("LC_ALL", locale).input(test.input);
                // A daemon's socket or a home directory of the user must not come into it.
                command.set_env("HOME", directory_.path());
                std::string words = GetParam().name;
                for (const std::string& arg : test.args)
                    words += " " + arg;
                SCOPED_TRACE(words + " in " + directory + ", LC_ALL=" + locale);
                compare(*cold, *warm, command);
            }
}

INSTANTIATE_TEST_SUITE_P(Programs, Differential, testing::ValuesIn(tools()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace spawntpl::tests
