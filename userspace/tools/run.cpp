// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "program_status.hpp"
#include "program_words.hpp"

#include <spawntpl/spawntpl.hpp>

#include <CLI/CLI.hpp>

#include <cstdint>
#include <iostream>

#include <signal.h>
#include <sys/resource.h>

namespace spawntpl::tools {

namespace {

struct RunOptions {
    std::string backend;
    std::string cwd;
    bool warm = false;
    bool verbose = false;
    std::uint64_t repeat = 1;
    std::vector<std::string> program_and_args;
};

int report(const Error& error) {
    std::cerr << "spawntpl run: " << error.message() << '\n';
    return program_status(error);
}

/// How it was started.
void describe(const Child& child) {
    std::cerr << "spawntpl run: process " << child.pid() << " started by " << child.backend();
    if (!child.why_not_warm().empty())
        std::cerr << ", not warm: " << child.why_not_warm();
    std::cerr << '\n';
}

/// Ends this process the way the child ended, so that whoever waits for it sees the same.
int pass_on(const ExitStatus& status) {
    if (status.code())
        return *status.code();

    // The child has left its core dump.
    rlimit no_core{};
    setrlimit(RLIMIT_CORE, &no_core);
    int signal_number = *status.signal();
    signal(signal_number, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    sigprocmask(SIG_UNBLOCK, &set, nullptr);
    raise(signal_number);
    return 128 + signal_number;
}

int run(const RunOptions& options) {
    // Where it is ignored, the child's status is lost.
    signal(SIGCHLD, SIG_DFL);

    auto program = Template::open(
        options.program_and_args.front(),
        {.backend = options.backend, .warm = options.warm ? Warm::allowed : Warm::never});
    if (!program)
        return report(program.error());

    Command command({options.program_and_args.begin() + 1, options.program_and_args.end()});
    command.inherit_fds();
    if (!options.cwd.empty())
        command.cwd(options.cwd);

    for (std::uint64_t i = 0; i < options.repeat; ++i) {
        auto child = program->spawn(command);
        if (!child)
            return report(child.error());
        if (options.verbose)
            describe(*child);
        auto status = child->wait();
        if (!status)
            return report(status.error());
        if (!status->success())
            return pass_on(*status);
    }
    return 0;
}

}  // namespace

void add_run(CLI::App& app, const std::vector<std::string>& tail, int& exit_status) {
    CLI::App* command = app.add_subcommand(
        "run",
        "Run a program: spawntpl run [OPTIONS] [--] PROGRAM [ARGS...]. Ends as the program does: "
        "with its exit status, or by the signal that "
        "killed it; 127 if it was not found, 126 if it could not be executed, 125 if something "
        "else failed before that.");
    auto options = std::make_shared<RunOptions>();
    command->add_option("--backend", options->backend, "Start it by this backend, see info");
    command->add_flag("--warm", options->warm,
                      "Start it as a copy of what is loaded already, where that can be: "
                      "faster from the second time on");
    command->add_flag("--verbose", options->verbose,
                      "Say on the standard error how it was started, and why not warm");
    command->add_option("--cwd", options->cwd, "Start it in this directory");
    command
        ->add_option("--repeat", options->repeat,
                     "Run it so many times, one after the other, until it fails")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}, "COUNT"));
    // Whatever follows the program is its own, "--" included.
    command->prefix_command();
    command->callback([command, options, &tail, &exit_status] {
        options->program_and_args = program_words(*command, tail);
        exit_status = run(*options);
    });
}

}  // namespace spawntpl::tools
