// SPDX-License-Identifier: MIT
//
// Starts a program and passes its status on, in C++.
#include <spawntpl/spawntpl.hpp>

#include <iostream>

int main() {
    auto program = spawntpl::Template::open("echo");
    auto child = program ? program->spawn(spawntpl::Command({"consumer"}))
                         : std::unexpected(program.error());
    auto status = child ? child->wait() : std::unexpected(child.error());
    if (!status) {
        std::cerr << status.error().message() << '\n';
        return 1;
    }
    return status->code().value_or(1);
}
