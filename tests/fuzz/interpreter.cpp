// SPDX-License-Identifier: MIT
//
// The interpreter of a script, as execve(2) finds it.
#include "fuzz.hpp"
#include "program.hpp"

namespace spawntpl::fuzz {

void run(Input input) {
    std::string_view head = input.rest();
    std::string found = detail::interpreter_in(head);

    std::string expected;
    std::size_t at = 2;
    auto is_blank = [&] { return head[at] == ' ' || head[at] == '\t'; };
    if (head.size() >= 2 && head[0] == '#' && head[1] == '!') {
        while (at < head.size() && is_blank())
            ++at;
        while (at < head.size() && !is_blank() && head[at] != '\n' && head[at] != '\0')
            expected += head[at++];
    }
    require(found == expected, "the interpreter is the first word of the line");
}

}  // namespace spawntpl::fuzz
