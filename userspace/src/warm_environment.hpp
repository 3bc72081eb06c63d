// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace spawntpl::detail {

/// Whether the dynamic linker or the constructor of a library may read an environment entry before
/// main(): what it has done with it is done for all children of a template process.
bool read_before_main(std::string_view entry);

/// Those entries of an environment, to compare.
class EntriesBeforeMain {
public:
    explicit EntriesBeforeMain(char* const* envp);

    /// Whether @p envp has the same, in the same order.
    bool same(char* const* envp) const;

private:
    std::vector<std::string> entries_;
};

/// The environment of a template process that is started in the place of a program with @p envp, to
/// become one at @p point, a value of warm_variable.
std::vector<std::string> template_environment(char* const* envp, const std::string& object,
                                              std::string_view point);

}  // namespace spawntpl::detail
