// SPDX-License-Identifier: MIT
//
// Starts a program on a terminal of its own and answers what it asks there.
#include <spawntpl/spawntpl.hpp>

#include <algorithm>
#include <iostream>

#include <unistd.h>

int main() try {
    auto shell = spawntpl::value_or_throw(spawntpl::Template::open("sh"));
    spawntpl::Command command(
        {"-c", "stty size -echo; printf 'name? '; read x; echo hello $x; sleep 0.1"});
    command.pseudo_terminal({.rows = 40, .columns = 100});
    auto child = spawntpl::value_or_throw(shell.spawn(command));

    std::string seen;
    char buffer[4096];
    ssize_t length;
    // Reading fails with EIO when nobody has the other side any more.
    while ((length = read(child.terminal(), buffer, sizeof(buffer))) > 0) {
        seen.append(buffer, static_cast<std::size_t>(length));
        if (seen.ends_with("name? ") && write(child.terminal(), "world\n", 6) < 0)
            return 1;
    }
    std::erase(seen, '\r');
    std::cout << seen;
    return spawntpl::value_or_throw(child.wait()).success() ? 0 : 1;
} catch (const spawntpl::Exception& exception) {
    std::cerr << exception.what() << '\n';
    return 1;
}
