// SPDX-License-Identifier: MIT
//
// /proc/PID/stat, of which each process chooses its own name.
#include "process_stat.hpp"

#include "fuzz.hpp"

#include <cstdlib>

namespace spawntpl::fuzz {

namespace {

/// One that is as the kernel writes it but for its name.
void expect_relations(const std::string& name, pid_t parent, pid_t group, pid_t session) {
    std::string stat = "17 (" + name + ") S " + std::to_string(parent) + " " +
                       std::to_string(group) + " " + std::to_string(session) + " 0 -1 4194560\n";
    auto relations = detail::parse_stat(stat);
    require(relations && relations->parent == parent && relations->group == group &&
                relations->session == session && !relations->has_ended(),
            "no name hides the relations");
    stat[name.size() + 6] = 'Z';
    relations = detail::parse_stat(stat);
    require(relations && relations->has_ended(), "a zombie is one");
}

}  // namespace

void run(Input input) {
    // A copy of its own, so that reading past its end is found.
    std::string text(input.rest());
    if (auto relations = detail::parse_stat(text)) {
        std::string numbers = text.substr(text.rfind(')') + 4);
        char* end = numbers.data();
        for (pid_t value : {relations->parent, relations->group, relations->session})
            require(std::strtol(end, &end, 10) == value, "the numbers are those of the text");
    }
    int parent = input.number(256), group = input.number(256), session = input.number(256);
    expect_relations(std::string(input.rest()), parent, group, session);
}

}  // namespace spawntpl::fuzz
