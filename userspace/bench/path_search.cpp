// SPDX-License-Identifier: MIT
#include "path_search.hpp"

#include "programs.hpp"
#include "temporary_directory.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>

namespace spawntpl::bench {

namespace {

// What cannot search, and what is made of a path.
constexpr std::array<std::string_view, 6> cannot_search{
    "exec-loop", "fork-exit", "vfork-exit", "fork-server", "raw-kernel", "raw-kernel-nowait"};

constexpr const char* program = "exit0";

/// Empty directories, and one that has the program. They exist as long as this does.
class Directories {
public:
    Directories() {
        create_directory(top_.path() / "hit");
        create_symlink(payload(program), top_.path() / "hit" / program);
    }

    /// A value of PATH with so many entries.
    std::string path(std::size_t entries, bool first) const {
        std::string hit = top_.path() / "hit";
        std::string path = first ? hit : "";
        for (std::size_t i = 1; i < entries; ++i) {
            auto miss = top_.path() / ("miss" + std::to_string(i));
            create_directory(miss);
            path += (path.empty() ? "" : ":") + miss.string();
        }
        return first ? path : path + (path.empty() ? "" : ":") + hit;
    }

private:
    TemporaryDirectory top_;
};

}  // namespace

bool can_search(std::string_view method) {
    return std::ranges::find(cannot_search, method) == cannot_search.end();
}

std::vector<Group> path_groups(const Selection& selection) {
    auto directories = std::make_shared<const Directories>();
    Group plain{.question = "path",
                .program = "nolibc",
                .count = usual_count(selection),
                .variant = "absolute path",
                .entries = chosen_entries(selection, can_search)};
    std::vector<Group> groups{plain};
    for (std::size_t entries : {1, 14, 50})
        for (bool first : {true, false}) {
            if (entries == 1 && !first)
                continue;
            Group group = plain;
            group.name = program;
            group.variant = "name, in " + std::string(first ? "first" : "last") + " of " +
                            std::to_string(entries);
            group.path = directories->path(entries, first);
            group.extra = {{"path_entries", entries}, {"hit", first ? "first" : "last"}};
            group.finish = [directories](std::vector<Outcome>&) {};
            groups.push_back(std::move(group));
        }
    return groups;
}

}  // namespace spawntpl::bench
