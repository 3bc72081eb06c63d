// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "map_run.hpp"
#include "map_stream.hpp"
#include "program_words.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <iostream>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

namespace spawntpl::tools {

namespace {

constexpr const char* description =
    "Run a command for each line of the input, several at a time: spawntpl map [OPTIONS] [--] "
    "PROGRAM [ARGS...] [::: ARGS...]...\n"
    "\n"
    "With ::: the jobs are the arguments that follow, with more than one ::: all combinations; "
    "else each line of the standard input is one, empty ones too. No shell is involved.\n"
    "\n"
    "In the command, {} is the job's argument, {.} the same without its extension, {/} the last "
    "component of a path, {//} what is before that, {/.} the last component without its "
    "extension, {#} the number of the job, from 1. {2}, {2.} and so on are those of the second "
    ":::. "
    "Without any of them the arguments are added at the end.\n"
    "\n"
    "Jobs read /dev/null. What a job writes comes when it has ended, not mixed with that of "
    "others.\n"
    "\n"
    "Exit status: 0 if all jobs succeeded; 123 if some failed: with another exit status than 0, by "
    "a signal, or at the time limit; 124 if --halt stopped it early; 125 if spawntpl itself "
    "failed; 126 if the program cannot be executed, 127 if it was not found, and no other job is "
    "started then, unless the program is one of the arguments. On SIGINT (Ctrl-C), "
    "SIGTERM and SIGHUP, it ends the jobs and all their descendants, says what was left, and ends "
    "by that signal; a second signal kills them at once. What nobody has read of their output a "
    "second after the signal is dropped.";

struct Arguments {
    MapOptions options{};
    std::string jobs = "100%";
    std::string file;
    bool null = false;
    bool no_progress = false;
    bool dry_run = false;
    double time_limit = 0;
    double stop_time = 5;
    std::string halt = "never";
};

int complain(const std::string& text) {
    std::cerr << "spawntpl map: " << text << '\n';
    return own_failure;
}

/// "8" is 8, "200%" two for each CPU that may be used.
std::size_t parse_jobs(const std::string& text) {
    std::size_t number = 0;
    const char* end = text.data() + text.size();
    auto [rest, error] = std::from_chars(text.data(), end, number);
    bool percent = std::string_view(rest, end) == "%";
    if (error != std::errc() || (rest != end && !percent) || number == 0 || number > 1'000'000)
        throw CLI::ValidationError("--jobs",
                                   "'" + text + "' is neither a number from 1 nor a percentage");
    if (!percent)
        return number;
    cpu_set_t cpus;
    int count = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    return std::max<std::size_t>(1, static_cast<std::size_t>(count) * number / 100);
}

std::chrono::milliseconds to_milliseconds(double seconds) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000 + 0.5));
}

/// Takes the lists behind ":::" away from the words of the command.
std::vector<std::vector<std::string>> take_lists(std::vector<std::string>& words) {
    std::vector<std::vector<std::string>> lists;
    auto first = std::ranges::find(words, ":::");
    for (auto word = first; word != words.end(); ++word) {
        if (*word == ":::")
            lists.emplace_back();
        else
            lists.back().push_back(std::move(*word));
    }
    words.erase(first, words.end());
    if (words.empty())
        throw CLI::RequiredError("PROGRAM");
    return lists;
}

/// Prints the commands in place of running them.
int dry_run(const MapCommand& command, MapInput& input) {
    const WriteWait for_ever{.wake_fd = -1, .woken = {}};
    OutputStream output(STDOUT_FILENO, for_ever);
    std::uint64_t number = 0;
    while (true) {
        std::string text;
        while (auto args = input.next())
            text += shell_quoted(command.words(*args, ++number)) + "\n";
        if (int error = output.write(text); error != 0)
            return complain("cannot write: " + std::generic_category().message(error));
        if (input.at_end())
            return input.error().empty() ? 0 : complain(input.error());
        input.read();
    }
}

int map(const Arguments& arguments, std::vector<std::string> words) {
    // Where it is ignored, the children's statuses are lost.
    signal(SIGCHLD, SIG_DFL);

    auto lists = take_lists(words);
    std::unique_ptr<MapInput> input;
    if (!lists.empty() && !arguments.file.empty())
        return complain("the arguments come either from ::: or from --arg-file");
    if (!lists.empty()) {
        input = combinations(std::move(lists));
    } else {
        bool standard = arguments.file.empty() || arguments.file == "-";
        Fd file(standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                         : open(arguments.file.c_str(), O_RDONLY | O_CLOEXEC));
        if (!file)
            return complain("cannot open " +
                            (standard ? "the standard input" : "'" + arguments.file + "'") + ": " +
                            std::generic_category().message(errno));
        input = lines(std::move(file), arguments.null ? '\0' : '\n');
    }
    auto command = MapCommand::parse(words, input->sources());
    if (!command)
        return complain(command.error());
    if (arguments.dry_run)
        return dry_run(*command, *input);
    return run_map(arguments.options, *command, *input);
}

}  // namespace

void add_map(CLI::App& app, const std::vector<std::string>& tail, int& exit_status) {
    CLI::App* command = app.add_subcommand("map", description);
    auto arguments = std::make_shared<Arguments>();
    MapOptions& options = arguments->options;
    command
        ->add_option("-j,--jobs", arguments->jobs,
                     "So many at a time; with % for each hundred of them one per CPU")
        ->capture_default_str();
    command->add_option("-a,--arg-file", arguments->file,
                        "Take the lines from this file, - is the standard input");
    command->add_flag("-0,--null", arguments->null, "Lines end with a NUL");
    command->add_flag("-k,--keep-order", options.keep_order,
                      "Print the output of jobs in the order of the input");
    command
        ->add_flag("-u,--ungroup", options.ungroup,
                   "Jobs write to where this command does, as they go; faster, but mixed")
        ->excludes("--keep-order");
    command
        ->add_option("--timeout", arguments->time_limit, "Stop a job that runs for so many seconds")
        ->check(CLI::Range(0.001, 1e9, "SECONDS"));
    command
        ->add_option("--stop-time", arguments->stop_time,
                     "What is stopped gets SIGTERM and, so many seconds later, SIGKILL")
        ->check(CLI::Range(0.0, 1e9, "SECONDS"))
        ->capture_default_str();
    command->add_option("--retries", options.retries,
                        "Run a job that failed again, so many times; the last output is printed");
    command
        ->add_option(
            "--halt", arguments->halt,
            "When a job has failed: never stop; soon: start no other; now: stop the others")
        ->check(CLI::IsMember({"never", "soon", "now"}))
        ->capture_default_str();
    command->add_flag("--json", options.json,
                      "Print how each job ended as a line of JSON; what jobs write to the standard "
                      "output goes to the standard error");
    command->add_flag("--no-progress", arguments->no_progress,
                      "No progress bar; there is none anyway if standard error is no terminal");
    command->add_flag("--dry-run", arguments->dry_run, "Print the commands, do not run them");
    command->add_option("--backend", options.backend, "Start jobs by this backend, see info");
    command->add_flag("--warm", options.warm,
                      "Start jobs as copies of the program as it is loaded already, where that "
                      "can be: several times faster");
    // Whatever follows the program is its own.
    command->prefix_command();
    command->callback([command, arguments, &tail, &exit_status] {
        MapOptions& options = arguments->options;
        options.jobs = parse_jobs(arguments->jobs);
        options.progress = !arguments->no_progress;
        if (arguments->time_limit > 0)
            options.time_limit = to_milliseconds(arguments->time_limit);
        options.stop_time = to_milliseconds(arguments->stop_time);
        options.halt = arguments->halt == "never"  ? Halt::never
                       : arguments->halt == "soon" ? Halt::soon
                                                   : Halt::now;
        exit_status = map(*arguments, program_words(*command, tail));
    });
}

}  // namespace spawntpl::tools
