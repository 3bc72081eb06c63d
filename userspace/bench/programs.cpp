// SPDX-License-Identifier: MIT
#include "programs.hpp"

#include <spawntpl/template.hpp>

#include <algorithm>
#include <filesystem>

namespace spawntpl::bench {

const std::vector<Program>& programs() {
    static const std::vector<Program> table{
        {"nolibc", {payload("exit0")}},
        {"hello-static", {payload("hello-static")}},
        {"hello", {payload("hello")}},
        {"true", {"true"}},
        {"sed", {"sed", "--version"}},
        {"grep", {"grep", "--version"}},
        {"awk", {"awk", "BEGIN { print 1 }"}},
        {"git", {"git", "--version"}},
        {"bash", {"bash", "-c", "true"}},
        // Not what a version manager puts before it, a script that looks for the real one.
        {"python3", {"/usr/bin/python3", "-c", "pass"}},
    };
    return table;
}

const Program* find_program(std::string_view name) {
    auto found = std::ranges::find(programs(), name, &Program::name);
    return found == programs().end() ? nullptr : &*found;
}

std::string payload(std::string_view name) {
    // Beside this program where it was built, and elsewhere where it was installed.
    auto directory = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    auto built = directory / "payloads" / name;
    return exists(built) ? built : directory.parent_path() / "libexec/spawntpl" / name;
}

std::expected<Invocation, std::string> resolve(const std::vector<std::string>& words) {
    // Any template knows the path, and this backend is everywhere.
    auto program = Template::open(words.front(), {.backend = "posix_spawn"});
    if (!program)
        return std::unexpected(program.error().message());
    return Invocation{program->program(), {words.begin() + 1, words.end()}};
}

}  // namespace spawntpl::bench
