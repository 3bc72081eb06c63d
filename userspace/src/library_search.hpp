// SPDX-License-Identifier: MIT
#pragma once

#include "watched_files.hpp"

#include <spawntpl/template.hpp>

#include <expected>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace spawntpl::detail {

/// What the dynamic linker tells of its search for a program's libraries, with
/// LD_TRACE_LOADED_OBJECTS and LD_DEBUG=libs: it has looked for them then, and run nothing.
class LibrarySearch {
public:
    explicit LibrarySearch(std::string_view output = {});

    /// Has the dynamic linker search for what @p program, whose linker must be that of the GNU C
    /// library, would load with this argv[0] and environment. Why it has not told, in words.
    static std::expected<LibrarySearch, std::string> ask(const Template& program,
                                                         const std::string& arg0,
                                                         std::vector<std::string> environment);

    /// Whether it would load the object with this name.
    bool loads(const std::string& object) const { return loaded_.contains(object); }

    /// Why what it finds once is not what it would find for each child, in words; empty if it is.
    std::string why_not_repeated() const;

    /// All names that it has tried: one that was missing would be taken before the one that was
    /// found.
    void add_to(WatchedFiles& files) const;

    /// Those that it must have tried for @p object, which was loaded by something that ran later.
    void add_later(WatchedFiles& files, const std::string& object) const;

private:
    std::set<std::string> loaded_;
    std::set<std::string> tried_;
    std::set<std::string> directories_;  ///< of LD_LIBRARY_PATH, RPATH and RUNPATH
    std::string error_;                  ///< its first
    bool is_relative_ = false;
};

}  // namespace spawntpl::detail
