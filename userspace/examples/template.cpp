// SPDX-License-Identifier: MIT
//
// Prepares a program once and starts it several times.
#include <spawntpl/spawntpl.hpp>

#include <iostream>
#include <vector>

int main() try {
    spawntpl::Command common({"-n"});
    common.cwd("/").set_env("LC_ALL", "C");
    auto sort = spawntpl::value_or_throw(  // PATH is searched here, once
        spawntpl::Template::open("sort", {.command = common}));
    for (const char* lines : {"2\n10\n1\n", "7\n-7\n"}) {
        spawntpl::Command command = sort.command();
        std::cout << spawntpl::value_or_throw(spawntpl::run(sort, command.input(lines))).out;
    }

    // Without run(): a child of one's own.
    auto child = spawntpl::value_or_throw(
        sort.spawn(spawntpl::Command({"--check", "/dev/null"}).null(0).cwd("/")));
    auto status = spawntpl::value_or_throw(child.wait());
    std::cout << "sorted: " << std::boolalpha << status.success() << '\n';

    // A batch of them.
    const std::vector<spawntpl::Command> batch = {
        spawntpl::Command({"--check=quiet"}).input("1\n2\n"),
        spawntpl::Command({"--check=quiet"}).input("2\n1\n"),
    };
    for (auto& started : sort.spawn_all(batch)) {
        auto one = spawntpl::value_or_throw(std::move(started));
        std::cout << spawntpl::value_or_throw(one.wait()).success() << '\n';
    }
} catch (const spawntpl::Exception& exception) {
    std::cerr << exception.what() << '\n';
    return 1;
}
