// SPDX-License-Identifier: MIT
//
// Gives a child its place, rights and limits; the caller keeps its own.
#include <spawntpl/spawntpl.hpp>

#include <iostream>

#include <signal.h>
#include <sys/resource.h>

int main() {
    spawntpl::Command command(
        {"-c", "pwd; umask; ulimit -n; nice; echo $NAME; echo $((1 + 1)) >&2"});
    command.cwd("/")
        .umask(0027)
        .limit(RLIMIT_NOFILE, 64, 64)
        .nice(5)
        .set_env("NAME", "value")
        .unset_env("HOME")
        .new_session()
        .no_new_privileges()
        .signal_mask({SIGUSR1})
        .null(0)
        .same_as(2, 1);

    auto shell = spawntpl::Template::open("sh");
    auto output =
        shell ? spawntpl::run(*shell, command) : std::unexpected(std::move(shell.error()));
    if (!output) {
        std::cerr << output.error().message() << '\n';
        return 1;
    }
    std::cout << output->out;

    // What cannot be done is named, and nothing has been started.
    auto failed = spawntpl::run(*shell, command.cwd("/no/such/directory"));
    std::cout << (failed ? "started\n" : failed.error().message() + "\n");
}
