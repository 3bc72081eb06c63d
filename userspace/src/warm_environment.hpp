// SPDX-License-Identifier: MIT
#pragma once

#include <bitset>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace spawntpl::detail {

/// Whether the dynamic linker or libc may read an environment entry before main().
bool read_before_main(std::string_view entry);

/// Whether constructors of libraries are known to ask for it.
bool likely_before_main(std::string_view entry);

/// What of an environment the dynamic linker, libc or the constructor of a library may have read
/// before main(), to compare: what it has done with it is done for all children of a template
/// process.
class EntriesBeforeMain {
public:
    EntriesBeforeMain() = default;

    /// @p asked are the names that getenv(3) was asked for. An empty one: there were others, which
    /// are guessed.
    EntriesBeforeMain(char* const* envp, std::set<std::string, std::less<>> asked);

    /// Whether @p envp has the same. The order and what comes a second time count only for what is
    /// read in passes over the environment.
    bool same(char* const* envp) const { return is_whole(envp) || choose(envp) == entries_; }

private:
    struct Entries {
        std::vector<std::string> in_passes;
        std::map<std::string, std::string, std::less<>> by_name;

        bool operator==(const Entries&) const = default;
    };

    bool is_whole(char* const* envp) const;
    Entries choose(char* const* envp) const;

    std::string whole_;  ///< the environment, each entry with its NUL
    std::set<std::string, std::less<>> asked_;
    bool guesses_ = false;
    std::bitset<256> first_letters_;  ///< most entries begin with another
    Entries entries_;
};

/// The environment of a template process that is started in the place of a program with @p envp, to
/// become one at @p point, a value of warm_variable.
std::vector<std::string> template_environment(char* const* envp, const std::string& object,
                                              std::string_view point);

}  // namespace spawntpl::detail
