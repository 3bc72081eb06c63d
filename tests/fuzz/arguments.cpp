// SPDX-License-Identifier: MIT
//
// The arguments of a Command as execve(2) takes them.
#include "fuzz.hpp"
#include "launch.hpp"

#include <cstring>

namespace spawntpl::fuzz {

void run(Input input) {
    static const detail::Program program{.name = "program", .path = "/program", .fd = {}};
    Command command;
    std::vector<std::string> expected = {program.name};
    if (input.flag()) {
        expected[0] = input.text();
        command.arg0(expected[0]);
    }
    bool has_nul = expected[0].find('\0') != std::string::npos;
    while (!input.empty()) {
        std::string arg = input.text();
        has_nul |= arg.find('\0') != std::string::npos;
        expected.push_back(arg);
        command.arg(std::move(arg));
    }

    auto launch = detail::Launch::prepare(program, command);
    require(launch.has_value() != has_nul, "a NUL is an error, and nothing else is");
    if (!launch) {
        require(launch.error().step == Step::request && !launch.error().detail.empty(),
                "the error says what is wrong");
        return;
    }
    for (std::size_t i = 0; i < expected.size(); ++i)
        require(launch->argv()[i] && expected[i] == launch->argv()[i], "each is what it was");
    require(!launch->argv()[expected.size()], "there are no more");
}

}  // namespace spawntpl::fuzz
