// SPDX-License-Identifier: MIT
//
// Starts children in several threads until it is killed: BACKEND PROGRAM. Each thread writes a byte
// to standard output when its first child has ended.
#include <spawntpl/spawntpl.hpp>

#include <iostream>
#include <thread>
#include <vector>

#include <unistd.h>

namespace {

void give_up(const spawntpl::Error& error) {
    std::cerr << error.message() << '\n';
    _exit(1);
}

void spawn_for_ever(const spawntpl::Template& program) {
    for (bool first = true;; first = false) {
        auto child = program.spawn();
        if (!child)
            give_up(child.error());
        if (auto status = child->wait(); !status)
            give_up(status.error());
        if (first && write(STDOUT_FILENO, ".", 1) != 1)
            _exit(1);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3)
        return 2;
    auto program = spawntpl::Template::open(argv[2], {.backend = argv[1]});
    if (!program)
        give_up(program.error());

    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] { spawn_for_ever(*program); });
}
