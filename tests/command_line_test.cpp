// SPDX-License-Identifier: MIT
//
// The command spawntpl.
#include "support.hpp"

#include <signal.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class CommandLine : public BackendTest {
protected:
    struct Result {
        std::string out;
        std::string err;
        ExitStatus status;
    };

    Result spawntpl(std::vector<std::string> args) const {
        TemporaryDirectory directory;
        Command command(std::move(args));
        command.file(STDERR_FILENO, directory / "err", O_WRONLY | O_CREAT);
        Output output = capture(must_open(program_directory() / "spawntpl"), command);
        return {output.text, read_file(directory / "err"), output.status};
    }

    /// spawntpl run with the backend under test.
    Result run_command(std::vector<std::string> args) const {
        args.insert(args.begin(), {"run", "--backend", backend()});
        return spawntpl(std::move(args));
    }
};
FOR_EACH_BACKEND(CommandLine);

TEST_P(CommandLine, run_passes_output_and_status) {
    Result result = run_command({"--", "sh", "-c", "echo \"$@\"; exit 3", "x", "a", "--", "-b"});
    EXPECT_EQ(result.out, "a -- -b\n");
    EXPECT_THAT(result.err, IsEmpty());
    EXPECT_EQ(result.status.code(), 3);
}

TEST_P(CommandLine, run_needs_no_separator) {
    EXPECT_EQ(run_command({"echo", "--repeat", "2", "--", "x"}).out, "--repeat 2 -- x\n");
}

TEST_P(CommandLine, run_starts_programs_with_the_names_of_subcommands) {
    EXPECT_EQ(run_command({"run", "true"}).status.code(), 127);
    EXPECT_EQ(run_command({"info"}).status.code(), 127);
    EXPECT_EQ(run_command({"echo", "info", "--json"}).out, "info --json\n");
}

TEST_P(CommandLine, run_works_where_sigchld_is_ignored) {
    std::string command = program_directory() / "spawntpl";
    EXPECT_EQ(run(must_open("sh"), Command({"-c", "trap '' CHLD; exec \"$@\"", "sh", command, "run",
                                            "--backend", backend(), "sh", "-c", "exit 3"})),
              ExitStatus::exited(3));
}

TEST_P(CommandLine, run_passes_signals) {
    EXPECT_EQ(run_command({payload("end"), "signal", std::to_string(SIGTERM)}).status.signal(),
              SIGTERM);
    EXPECT_EQ(run_command({payload("end"), "signal", std::to_string(SIGKILL)}).status.signal(),
              SIGKILL);
}

TEST_P(CommandLine, run_repeats_until_failure) {
    EXPECT_EQ(run_command({"--repeat", "3", "echo", "x"}).out, "x\nx\nx\n");
    Result result = run_command({"--repeat", "3", "sh", "-c", "echo x; exit 1"});
    EXPECT_EQ(result.out, "x\n");
    EXPECT_EQ(result.status.code(), 1);
}

TEST_P(CommandLine, run_enters_a_directory) {
    EXPECT_EQ(run_command({"--cwd", "/usr", "pwd"}).out, "/usr\n");
}

TEST_P(CommandLine, run_reports_failures_like_env) {
    Result result = run_command({"spawntpl-missing"});
    EXPECT_EQ(result.status.code(), 127);
    EXPECT_THAT(result.err, StartsWith("spawntpl run: cannot find program 'spawntpl-missing'"));
    EXPECT_EQ(run_command({"/"}).status.code(), 126);

    result = run_command({"--cwd", "/nonexistent", "true"});
    EXPECT_EQ(result.status.code(), 125);
    EXPECT_EQ(result.err,
              "spawntpl run: cannot enter working directory '/nonexistent': "
              "No such file or directory\n");
}

TEST_P(CommandLine, bad_use_is_explained) {
    EXPECT_THAT(spawntpl({}).err, HasSubstr("a subcommand is required"));
    EXPECT_THAT(spawntpl({"nonsense"}).err, HasSubstr("nonsense"));
    EXPECT_THAT(spawntpl({"run"}).err, HasSubstr("PROGRAM is required"));
    EXPECT_THAT(spawntpl({"run", "--"}).err, HasSubstr("PROGRAM is required"));
    EXPECT_THAT(spawntpl({"run", "--nonsense", "true"}).err, HasSubstr("--nonsense"));
    EXPECT_THAT(spawntpl({"run", "--repeat", "0", "true"}).err, HasSubstr("--repeat"));
    EXPECT_THAT(spawntpl({"run", "--repeat", "-1", "true"}).err, HasSubstr("--repeat"));
    EXPECT_THAT(spawntpl({"info", "--", "x"}).err, HasSubstr("x"));
    Result result = spawntpl({"run", "--backend", "nonsense", "true"});
    EXPECT_EQ(result.status.code(), 125);
    EXPECT_THAT(result.err, HasSubstr("the backends are called kernel"));
}

TEST_P(CommandLine, info_lists_backends) {
    Result text = spawntpl({"info"}), json = spawntpl({"info", "--json"});
    EXPECT_EQ(text.status.code(), 0);
    EXPECT_EQ(json.status.code(), 0);
    for (const BackendInfo& info : backends()) {
        EXPECT_THAT(text.out, HasSubstr(std::string(info.name)));
        EXPECT_THAT(text.out, HasSubstr(info.reason));
        EXPECT_THAT(json.out, HasSubstr("\"name\": \"" + std::string(info.name) + "\""));
    }
    EXPECT_THAT(json.out, HasSubstr("\"chosen\": \"" + available_backends().front() + "\""));
}

TEST_P(CommandLine, info_follows_the_environment) {
    ScopedEnv variable("SPAWNTPL_BACKEND", backend().c_str());
    EXPECT_THAT(spawntpl({"info"}).out, HasSubstr("chosen: " + backend()));
    ScopedEnv nonsense("SPAWNTPL_BACKEND", "nonsense");
    Result result = spawntpl({"info"});
    EXPECT_EQ(result.status.code(), 1);
    EXPECT_THAT(result.err, HasSubstr("cannot use backend 'nonsense'"));
}

}  // namespace
}  // namespace spawntpl::tests
