// SPDX-License-Identifier: MIT
//
// Ends children, politely and not, alone and with all their descendants.
#include <spawntpl/spawntpl.hpp>

#include <chrono>
#include <iostream>

int main() try {
    using namespace std::chrono_literals;
    auto shell = spawntpl::value_or_throw(spawntpl::Template::open("sh"));

    auto child = spawntpl::value_or_throw(
        shell.spawn(spawntpl::Command({"-c", "sleep 1000 & exec sleep 1000"}).process_group()));
    // Whatever happens below: nothing of it is left when this function ends.
    child.stop_at_end({.kill = 10s, .tree = true});

    if (!spawntpl::value_or_throw(child.wait_for(10ms)))
        std::cout << "it still runs\n";

    // It may end by itself for a moment; then SIGTERM, five seconds for it; then SIGKILL.
    auto status = spawntpl::value_or_throw(
        child.stop({.wait = 10ms, .terminate = 5s, .kill = 10s, .tree = true}));
    std::cout << "ended by signal " << status.signal().value_or(0) << '\n';

    auto output = spawntpl::value_or_throw(
        spawntpl::run(shell, spawntpl::Command({"-c", "echo begun; sleep 1000"}),
                      {.timeout = 500ms, .stop = {.kill = 10s, .tree = true}}));
    std::cout << (output.timed_out ? "time is over\n" : "in time\n");
} catch (const spawntpl::Exception& exception) {
    std::cerr << exception.what() << '\n';
    return 1;
}
