// SPDX-License-Identifier: MIT
//
// The command spawntpl map, on each event loop.
#include "support.hpp"

#include <algorithm>
#include <sstream>

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;
using testing::UnorderedElementsAre;
using testing::UnorderedElementsAreArray;

using Words = std::vector<std::string>;

Words split_lines(const std::string& text) {
    Words lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

std::string numbers(int count) {
    std::string text;
    for (int i = 1; i <= count; ++i)
        text += std::to_string(i) + "\n";
    return text;
}

class MapTest : public CleanTest, public testing::WithParamInterface<std::string> {
protected:
    struct Result {
        std::string out;
        std::string err;
        ExitStatus status;

        Words lines() const { return split_lines(out); }
    };

    static Template program() {
        return Template::open((program_directory() / "spawntpl").string()).value();
    }

    Command command(Words args) const {
        args.insert(args.begin(), "map");
        return Command(std::move(args)).set_env("SPAWNTPL_EVENT_LOOP", GetParam());
    }

    /// Runs it to its end, with output in files.
    Result finish(const Template& program, Command command) const {
        TemporaryDirectory directory;
        command.file(STDOUT_FILENO, directory / "out", O_WRONLY | O_CREAT);
        command.file(STDERR_FILENO, directory / "err", O_WRONLY | O_CREAT);
        auto child = program.spawn(command);
        auto status = child.value().wait();
        return {read_file(directory / "out"), read_file(directory / "err"), status.value()};
    }

    Result map(Words args, std::string input = {}) const {
        return finish(program(), command(std::move(args)).input(std::move(input)));
    }

    /// Runs it until a job has written a line to the pipe, then sends a signal.
    Result interrupt(Words args, const std::string& input, std::vector<int> signals) const {
        TemporaryDirectory directory;
        Pipe ready = make_pipe();
        Command command = this->command(std::move(args)).input(input).fd(9, ready.write.get());
        command.file(STDERR_FILENO, directory / "err", O_WRONLY | O_CREAT).null(STDOUT_FILENO);
        auto child = program().spawn(command).value();
        ready.write.reset();
        for (int signal : signals) {
            char byte;
            EXPECT_EQ(read(ready.read.get(), &byte, 1), 1);
            EXPECT_TRUE(child.send_signal(signal));
        }
        auto status = child.wait().value();
        // The end of file comes when no job is left.
        read_all(ready.read.get());
        return {{}, read_file(directory / "err"), status};
    }
};

INSTANTIATE_TEST_SUITE_P(EventLoop, MapTest, testing::ValuesIn(event_loops()), backend_test_name);

// --- input and placeholders -------------------------------------------------------------------

TEST_P(MapTest, runs_a_command_for_each_line) {
    Result result = map({"echo", "line"}, "a\n b c \n\nlast");
    EXPECT_THAT(result.lines(), UnorderedElementsAre("line a", "line  b c ", "line ", "line last"));
    EXPECT_THAT(result.err, IsEmpty());
    EXPECT_EQ(result.status.code(), 0);
}

TEST_P(MapTest, without_input_nothing_runs) {
    Result result = map({"false"});
    EXPECT_EQ(result.status.code(), 0);
    EXPECT_THAT(map({"false", ":::"}).status.code(), 0);
}

TEST_P(MapTest, lines_may_end_with_nul) {
    EXPECT_THAT(map({"-0", "-k", "echo"}, std::string("a\nb\0c\0", 6)).out, "a\nb\nc\n");
}

TEST_P(MapTest, lines_may_come_from_a_file) {
    TemporaryDirectory directory;
    write_file(directory / "lines", "x\ny\n");
    EXPECT_EQ(map({"-k", "-a", directory / "lines", "echo"}).out, "x\ny\n");
    Result result = map({"-a", directory / "missing", "echo"});
    EXPECT_EQ(result.err, "spawntpl map: cannot open '" + (directory / "missing") +
                              "': No such file or directory\n");
    EXPECT_EQ(result.status.code(), 125);
}

TEST_P(MapTest, lines_are_used_as_they_come) {
    Pipe input = make_pipe(), output = make_pipe();
    auto child = program()
                     .spawn(command({"-j1", "echo"})
                                .fd(STDIN_FILENO, input.read.get())
                                .fd(STDOUT_FILENO, output.write.get()))
                     .value();
    output.write.reset();
    char text[2];
    for (const char* line : {"a\n", "b\n"}) {
        ASSERT_EQ(write(input.write.get(), line, 2), 2);
        ASSERT_EQ(read(output.read.get(), text, 2), 2);
        EXPECT_EQ(std::string(text, 2), line);
    }
    input.write.reset();
    EXPECT_EQ(child.wait()->code(), 0);
}

TEST_P(MapTest, a_line_that_no_program_could_be_given_is_named) {
    Result result = map({"-j1", "true"}, "a\n" + std::string(200'000, 'x') + "\nb\n");
    EXPECT_EQ(result.err, "spawntpl map: line 2 of the input is longer than 131071 bytes\n");
    EXPECT_EQ(result.status.code(), 125);
}

TEST_P(MapTest, lists_are_combined) {
    EXPECT_EQ(map({"-k", "echo", ":::", "a", "b", ":::", "1", "2"}).out, "a 1\na 2\nb 1\nb 2\n");
    EXPECT_EQ(map({"-k", "echo", "{2}-{1}", "[{}]", ":::", "a", "b", ":::", "1"}).out,
              "1-a [a 1]\n1-b [b 1]\n");
}

TEST_P(MapTest, placeholders_edit_the_argument) {
    Result result = map({"--dry-run", "x", "{}", "{.}", "{/}", "{//}", "{/.}", "{#}", "{1/}",
                         ":::", "/a.b/c.d.e", "f", "it's"});
    EXPECT_EQ(result.out,
              "x /a.b/c.d.e /a.b/c.d c.d.e /a.b c.d 1 c.d.e\n"
              "x f f f . f 2 f\n"
              "x 'it'\\''s' 'it'\\''s' 'it'\\''s' . 'it'\\''s' 3 'it'\\''s'\n");
    EXPECT_EQ(map({"--dry-run", "x", "{#}", "{0}", "{a}", "{", "{}}", ":::", "y"}).out,
              "x 1 '{0}' '{a}' '{' 'y}'\n");
}

TEST_P(MapTest, a_missing_argument_is_refused) {
    Result result = map({"echo", "{2}"}, "a\n");
    EXPECT_EQ(result.err, "spawntpl map: '{2}' names argument 2, but each job has 1\n");
    EXPECT_EQ(result.status.code(), 125);
}

TEST_P(MapTest, the_program_may_be_the_argument) {
    Result result = map({"-k", "{}", "x", ":::", "echo", "spawntpl-missing", "echo"});
    EXPECT_EQ(result.out, "x\nx\n");
    EXPECT_THAT(result.err, HasSubstr("job 2: cannot find program 'spawntpl-missing'"));
    EXPECT_EQ(result.status.code(), 123);
}

TEST_P(MapTest, words_behind_the_program_are_its_own) {
    EXPECT_EQ(map({"-k", "--", "echo", "-k", "--", ":::", "x"}).out, "-k -- x\n");
    EXPECT_EQ(map({"echo", "--json", "--", ":::", "map"}).out, "--json -- map\n");
}

TEST_P(MapTest, bad_options_are_refused) {
    for (const Words& words : {Words{"-j0", "true"},
                               {"-jx", "true"},
                               {"-j", "1x", "true"},
                               {"--timeout", "0", "true"},
                               {"--halt", "later", "true"},
                               {"--nope"},
                               {},
                               {":::", "a"},
                               {"-k", "-u", "true"}})
        EXPECT_EQ(map(words).status.code(), 125) << testing::PrintToString(words);
}

// --- output and results -----------------------------------------------------------------------

TEST_P(MapTest, outputs_do_not_mix_and_can_keep_their_order) {
    const std::string script = "for i in 1 2 3 4 5; do echo {} $i; echo {} >&2; done";
    Result result = map({"-j8", "-k", "sh", "-c", script}, numbers(30));
    std::string expected, expected_err;
    for (int job = 1; job <= 30; ++job)
        for (int i = 1; i <= 5; ++i) {
            expected += std::to_string(job) + " " + std::to_string(i) + "\n";
            expected_err += std::to_string(job) + "\n";
        }
    EXPECT_EQ(result.out, expected);
    EXPECT_EQ(result.err, expected_err);
}

TEST_P(MapTest, huge_outputs_are_whole) {
    Result result = map({"-k", "sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' {}"}, "a\nb\n");
    EXPECT_TRUE(result.out == std::string(1'000'000, 'a') + std::string(1'000'000, 'b'));
}

TEST_P(MapTest, ungrouped_jobs_write_directly) {
    Words expected = split_lines(numbers(20));
    EXPECT_THAT(map({"-u", "-j4", "echo"}, numbers(20)).lines(),
                UnorderedElementsAreArray(expected));
}

TEST_P(MapTest, json_has_a_line_for_each_job) {
    Result result =
        map({"-j1", "--json", "sh", "-c", "echo out; {}"}, "exit 0\nexit 7\nkill -9 $$\n");
    EXPECT_EQ(result.err, "out\nout\nout\n");
    EXPECT_EQ(result.status.code(), 123);
    Words lines = result.lines();
    ASSERT_THAT(lines, SizeIs(3));
    EXPECT_THAT(lines[0],
                StartsWith(R"({"job":1,"args":["exit 0"],"end":"ended","exit":0,"signal":null,)"
                           R"("duration":)"));
    for (const char* field : {R"("user":)", R"("system":)", R"("max_rss":)", R"("backend":")",
                              R"("attempts":1,"start_retries":0})"})
        EXPECT_THAT(lines[0], HasSubstr(field));
    EXPECT_THAT(lines[1], HasSubstr(R"("exit":7,"signal":null)"));
    EXPECT_THAT(lines[2], HasSubstr(R"("exit":null,"signal":9)"));
}

TEST_P(MapTest, each_job_runs_once) {
    const int count = repetitions(400);
    Result result = map({"-j16", "--json", payload("end"), "exit"}, [&] {
        std::string codes;
        for (int i = 0; i < count; ++i)
            codes += std::to_string(i % 256) + "\n";
        return codes;
    }());
    std::vector<int> seen(static_cast<std::size_t>(count));
    for (const std::string& line : result.lines()) {
        int job = 0, arg = 0, code = -1;
        ASSERT_EQ(sscanf(line.c_str(), R"({"job":%d,"args":["%d"],"end":"ended","exit":%d,)", &job,
                         &arg, &code),
                  3)
            << line;
        EXPECT_EQ(code, (job - 1) % 256);
        EXPECT_EQ(code, arg);
        ++seen[static_cast<std::size_t>(job - 1)];
    }
    EXPECT_THAT(seen, testing::Each(1));
}

TEST_P(MapTest, a_closed_output_ends_it) {
    Pipe pipe = make_pipe();
    pipe.read.reset();
    auto child = program()
                     .spawn(command({"-j2", "echo"})
                                .input(numbers(1000))
                                .fd(STDOUT_FILENO, pipe.write.get())
                                .null(STDERR_FILENO)
                                .signal_defaults({SIGPIPE}))
                     .value();
    EXPECT_EQ(child.wait()->signal(), SIGPIPE);
}

TEST_P(MapTest, jobs_are_not_affected_by_how_it_watches) {
    Result result = map({payload("show")}, "x\n");
    Words fields;
    std::istringstream stream(result.out);
    for (std::string field; std::getline(stream, field, '\0');)
        fields.push_back(field);
    auto value = [&](const std::string& name) { return *(std::ranges::find(fields, name) + 1); };
    EXPECT_EQ(value("blocked"), "0");
    EXPECT_EQ(std::ranges::count(fields, "fd"), 3);
}

// --- limits and failures ----------------------------------------------------------------------

TEST_P(MapTest, a_program_that_cannot_be_executed_ends_it) {
    TemporaryDirectory directory;
    write_file(directory / "data", "no program", 0755);
    Result result = map({"--json", "-j1", "--retries", "5", directory / "data", ":::", "a", "b"});
    EXPECT_EQ(result.status.code(), 126);
    EXPECT_THAT(result.lines(), testing::ElementsAre(HasSubstr(R"("end":"not_started")")));
    EXPECT_THAT(result.err,
                AllOf(StartsWith("spawntpl map: job 1: cannot execute"),
                      EndsWith("spawntpl map: stopped early: 1 jobs done, 1 of them failed; 0 "
                               "ended; 0 not started; the input after job 1 not used (1 jobs)\n")));
    write_file(directory / "script", "#!/nonexistent/interpreter\n", 0755);
    EXPECT_EQ(map({"-j1", directory / "script"}, "x\ny\n").status.code(), 127);
    // Others may be programs.
    EXPECT_EQ(map({"{}", ":::", directory / "data", "true"}).status.code(), 123);
}

TEST_P(MapTest, a_missing_program_is_found_out_before_the_input_is_read) {
    Result result = map({"spawntpl-missing"}, "x\n");
    EXPECT_THAT(result.err, StartsWith("spawntpl map: cannot find program 'spawntpl-missing'"));
    EXPECT_EQ(result.status.code(), 127);
    EXPECT_EQ(map({"/"}, "x\n").status.code(), 126);
}

TEST_P(MapTest, time_limit_stops_a_job_with_its_descendants) {
    Result result =
        map({"--json", "--timeout", "0.2", "sh", "-c", "sleep 1000 & sleep {}; :"}, "1000\n1000\n");
    EXPECT_EQ(result.status.code(), 123);
    // The shell may have said that it was terminated.
    EXPECT_THAT(result.err, AllOf(HasSubstr("spawntpl map: job 1: time limit\n"),
                                  HasSubstr("spawntpl map: job 2: time limit\n")));
    EXPECT_THAT(result.lines(), testing::Each(HasSubstr(R"("end":"timed_out")")));
}

TEST_P(MapTest, failed_jobs_are_tried_again) {
    TemporaryDirectory directory;
    Result result =
        map({"--json", "--retries", "5", "sh", "-c", "echo >>{}; test $(wc -l <{}) -ge 3"},
            directory / "a\n");
    EXPECT_EQ(result.status.code(), 0);
    EXPECT_THAT(result.out, AllOf(HasSubstr(R"("attempts":3)"), HasSubstr(R"("exit":0)")));
    result = map({"--json", "--retries", "2", "false"}, "x\n");
    EXPECT_EQ(result.status.code(), 123);
    EXPECT_THAT(result.out, AllOf(HasSubstr(R"("attempts":3)"), HasSubstr(R"("exit":1)")));
}

TEST_P(MapTest, halt_soon_lets_the_others_end) {
    Result result =
        map({"-j1", "--halt", "soon", "sh", "-c", "echo {}; exit {}", ":::", "0", "3", "0", "4"});
    EXPECT_EQ(result.out, "0\n3\n");
    EXPECT_EQ(result.status.code(), 124);
    EXPECT_EQ(result.err,
              "spawntpl map: job 2 failed; no further one is started\n"
              "spawntpl map: stopped early: 2 jobs done, 1 of them failed; 0 ended; 0 not started; "
              "the input after job 2 not used (2 jobs)\n");
}

TEST_P(MapTest, halt_now_stops_the_others) {
    Result result = map({"-j2", "--halt", "now", "sh", "-c", "test {} = x && exit 3; sleep 1000",
                         ":::", "a", "x", "b"});
    EXPECT_EQ(result.status.code(), 124);
    EXPECT_THAT(result.err, HasSubstr("1 jobs done, 1 of them failed; 1 ended (1); 0 not started; "
                                      "the input after job 2 not used (1 jobs)\n"));
}

TEST_P(MapTest, a_shortage_of_processes_delays_jobs) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can become a user without other processes";
    // A user of its own: the limit counts all of a user's processes.
    constexpr uid_t user = 54'321;
    Result result = finish(program(), command({"-j8", "--json", "sleep", "0.0{}"})
                                          .input(numbers(40))
                                          .limit(RLIMIT_NPROC, 4, 4)
                                          .group(user)
                                          .groups({})
                                          .user(user));
    EXPECT_EQ(result.status.code(), 0) << result.err;
    EXPECT_THAT(result.lines(), SizeIs(40));
    EXPECT_THAT(result.err,
                AllOf(StartsWith("spawntpl map: a shortage of processes, memory or descriptors "
                                 "delayed starts "),
                      EndsWith(" times\n")));
}

TEST_P(MapTest, stopped_and_continued_it_goes_on) {
    Pipe ready = make_pipe();
    TemporaryDirectory directory;
    auto child = program()
                     .spawn(command({"-j4", "sh", "-c", "echo {} >&9; sleep 0.005; echo {}"})
                                .input(numbers(100))
                                .fd(9, ready.write.get())
                                .file(STDOUT_FILENO, directory / "out", O_WRONLY | O_CREAT))
                     .value();
    ready.write.reset();
    char byte;
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(read(ready.read.get(), &byte, 1), 1);
        EXPECT_TRUE(child.send_signal(SIGSTOP));
        EXPECT_TRUE(child.send_signal(SIGCONT));
    }
    read_all(ready.read.get());
    EXPECT_EQ(child.wait()->code(), 0);
    EXPECT_THAT(split_lines(read_file(directory / "out")),
                UnorderedElementsAreArray(split_lines(numbers(100))));
}

// --- interruption -----------------------------------------------------------------------------

TEST_P(MapTest, an_interruption_ends_all_and_says_what_is_left) {
    Result result = interrupt(
        {"-j1", "sh", "-c", "echo >&9; sh -c 'sleep 1000; :' & sleep 1000", ":::", "a", "b", "c"},
        {}, {SIGINT});
    EXPECT_EQ(result.status.signal(), SIGINT);
    EXPECT_THAT(result.err,
                EndsWith("spawntpl map: interrupted by Interrupt: 0 jobs done, 0 of them failed; "
                         "1 ended (1); 0 not started; the input after job 1 not used (2 jobs)\n"));
}

TEST_P(MapTest, an_interruption_is_seen_while_nobody_reads_the_output) {
    const Words jobs = {"-j2",
                        "sh",
                        "-c",
                        "test {} = a && exec head -c 300000 /dev/zero; echo >&9; "
                        "sleep 1000 & sleep 1000",
                        ":::",
                        "a",
                        "b",
                        "c"};
    for (bool on_terminal : {false, true}) {
        TemporaryDirectory directory;
        Pipe ready = make_pipe(), output = make_pipe();
        Command command = this->command(jobs)
                              .fd(9, ready.write.get())
                              .file(STDERR_FILENO, directory / "err", O_WRONLY | O_CREAT);
        if (on_terminal)
            command.pseudo_terminal();
        else
            command.fd(STDOUT_FILENO, output.write.get());
        auto child = program().spawn(command).value();
        ready.write.reset();
        output.write.reset();
        // Nothing holds more than it has to write.
        char byte;
        EXPECT_EQ(read(ready.read.get(), &byte, 1), 1);
        EXPECT_EQ(read(on_terminal ? child.terminal() : output.read.get(), &byte, 1), 1);
        EXPECT_TRUE(child.send_signal(SIGINT));
        EXPECT_EQ(child.wait()->signal(), SIGINT);
        EXPECT_EQ(read_all(ready.read.get()), "");
        EXPECT_EQ(read_file(directory / "err"),
                  "spawntpl map: cannot write the output: nobody reads it\n"
                  "spawntpl map: interrupted by Interrupt: 1 jobs done, 0 of them failed; 1 ended "
                  "(2); 0 not started; the input after job 2 not used (1 jobs)\n");
    }
}

TEST_P(MapTest, a_terminals_signal_to_all_is_an_interruption) {
    TemporaryDirectory directory;
    Pipe ready = make_pipe();
    auto child = program()
                     .spawn(command({"-j3", "sh", "-c", "echo >&9; exec sleep 1000", ":::", "a",
                                     "b", "c", "d"})
                                .process_group()
                                .fd(9, ready.write.get())
                                .file(STDERR_FILENO, directory / "err", O_WRONLY | O_CREAT))
                     .value();
    ready.write.reset();
    char byte;
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(read(ready.read.get(), &byte, 1), 1);
    kill(-child.pid(), SIGINT);
    EXPECT_EQ(child.wait()->signal(), SIGINT);
    EXPECT_EQ(read_file(directory / "err"),
              "spawntpl map: interrupted by Interrupt: 0 jobs done, 0 of them failed; 3 ended "
              "(1, 2, 3); 0 not started; the input after job 3 not used (1 jobs)\n");
}

TEST_P(MapTest, a_second_interruption_kills) {
    Result result = interrupt({"-j1", "--stop-time", "1000", "sh", "-c",
                               "trap 'echo >&9' TERM; echo >&9; while :; do sleep 1000 & wait; "
                               "done"},
                              "x\n", {SIGTERM, SIGINT});
    EXPECT_EQ(result.status.signal(), SIGINT);
    EXPECT_THAT(result.err, HasSubstr("1 ended (1); 0 not started\n"));
}

TEST_P(MapTest, ignored_signals_stay_ignored) {
    std::string script = "trap '' HUP; exec \"$@\"";
    Words words{"-c",  script, "sh", program_directory() / "spawntpl",
                "map", "sh",   "-c", "kill -HUP $PPID $$; echo {}",
                ":::", "on"};
    Result result = finish(Template::open("sh").value(),
                           Command(words).set_env("SPAWNTPL_EVENT_LOOP", GetParam()));
    EXPECT_EQ(result.out, "on\n");
    EXPECT_EQ(result.status.code(), 0);
}

// --- surroundings -----------------------------------------------------------------------------

TEST_P(MapTest, shows_its_progress_on_a_terminal) {
    auto on_terminal = [&](Words args) {
        auto child = program()
                         .spawn(command(std::move(args))
                                    .pseudo_terminal({.rows = 24, .columns = 60})
                                    .input(numbers(3)))
                         .value();
        std::string text;
        char buffer[4096];
        ssize_t length;
        while ((length = read(child.terminal(), buffer, sizeof(buffer))) > 0)
            text.append(buffer, static_cast<std::size_t>(length));
        EXPECT_EQ(child.wait()->code(), 0);
        return text;
    };
    std::string shown = on_terminal({"-j1", "sh", "-c", "sleep 0.15; echo out {}"});
    EXPECT_THAT(shown, HasSubstr("/s"));
    EXPECT_THAT(shown, HasSubstr("/3"));
    EXPECT_THAT(shown, HasSubstr("ETA 0:00"));
    EXPECT_THAT(shown, HasSubstr("running 1"));
    // The line makes room for output, and is gone at the end.
    EXPECT_THAT(shown, HasSubstr("\x1b[Kout 1\r\n"));
    EXPECT_THAT(shown, AnyOf(EndsWith("\x1b[K"), EndsWith("out 3\r\n")));
    EXPECT_EQ(on_terminal({"--no-progress", "-k", "echo"}), "1\r\n2\r\n3\r\n");
}

TEST_P(MapTest, works_where_io_uring_is_refused) {
    for (int error : {EPERM, ENOSYS}) {
        Command command({std::to_string(SYS_io_uring_setup), std::to_string(error),
                         program_directory() / "spawntpl", "map", "-k", "echo", ":::", "x", "y"});
        command.unset_env("SPAWNTPL_EVENT_LOOP");
        EXPECT_EQ(finish(Template::open(payload("refuse")).value(), command).out, "x\ny\n");
    }
}

TEST_P(MapTest, memory_stays_flat) {
    auto most_memory = [&](int count) {
        auto child =
            program()
                .spawn(command({"-j4", payload("exit0")}).input(numbers(count)).null(STDOUT_FILENO))
                .value();
        EXPECT_EQ(child.wait()->code(), 0);
        return child.usage()->max_rss;
    };
    EXPECT_LT(most_memory(repetitions(2000)), most_memory(100) + 1'000'000);
}

}  // namespace
}  // namespace spawntpl::tests
