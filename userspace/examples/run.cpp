// SPDX-License-Identifier: MIT
//
// Runs a program and reads what it writes, in one call.
#include <spawntpl/spawntpl.hpp>

#include <chrono>
#include <iostream>

int main() {
    auto git = spawntpl::run({"git", "--version"});
    if (git && git->success())
        std::cout << git->out;
    else
        std::cerr << (git ? git->err : git.error().message() + "\n");

    // Not longer than a minute, and no more than 20 bytes of what it writes.
    using namespace std::chrono_literals;
    auto yes = spawntpl::run({"yes"}, {.limit = 20, .stop_at_limit = true, .timeout = 1min});
    if (!yes)
        return 1;
    std::cout << "yes wrote " << yes->out.size() << " bytes" << (yes->out_cut ? " and more" : "")
              << '\n';

    auto none = spawntpl::run({"no-such-program"});
    if (!none)
        std::cout << none.error().message() << '\n';
}
