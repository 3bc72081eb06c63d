// SPDX-License-Identifier: MIT
//
// Talks to a child line by line, and joins two children by a pipe.
#include <spawntpl/spawntpl.hpp>

#include <iostream>

#include <unistd.h>

namespace {

using spawntpl::Command;
using spawntpl::Template;
using spawntpl::value_or_throw;

std::string read_some(int fd) {
    char buffer[4096];
    ssize_t length = read(fd, buffer, sizeof(buffer));
    return {buffer, length > 0 ? static_cast<std::size_t>(length) : 0};
}

void talk() {
    auto sed = value_or_throw(Template::open("sed"));
    auto child = value_or_throw(
        sed.spawn(Command({"--unbuffered", "s/.*/<&>/"}).pipe_to_child(0).pipe_from_child(1)));
    for (std::string line : {"one\n", "two\n"}) {
        if (write(child.pipe(0), line.data(), line.size()) < 0)
            return;
        std::cout << read_some(child.pipe(1));
    }
    child.take_pipe(0);  // and closes it: the end of the child's input
    value_or_throw(child.wait());
}

void join() {
    auto seq = value_or_throw(Template::open("seq"));
    auto wc = value_or_throw(Template::open("wc"));
    auto first = value_or_throw(seq.spawn(Command({"100"}).pipe_from_child(1)));
    auto counted = value_or_throw(spawntpl::run(wc, Command({"-l"}).fd(0, first.pipe(1))));
    value_or_throw(first.wait());
    std::cout << counted.out;
}

}  // namespace

int main() try {
    talk();
    join();
} catch (const spawntpl::Exception& exception) {
    std::cerr << exception.what() << '\n';
    return 1;
}
