// SPDX-License-Identifier: MIT
#pragma once

#include "environment_block.hpp"

#include <spawntpl/environment.hpp>
#include <spawntpl/error.hpp>
#include <spawntpl/fd.hpp>
#include <spawntpl/template.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace spawntpl::detail {

/// An environment that is the same for many starts.
struct PreparedEnvironment {
    Environment environment;
    EnvironmentBlock block;  ///< points into the environment
};

/// What is wrong, if an entry contains a NUL.
std::expected<PreparedEnvironment, std::string> prepare_environment(Environment environment);

/// An executable file, found and checked.
struct Program {
    std::string name;  ///< as the caller called it: the default argv[0]
    std::string path;  ///< absolute; empty for a program given by a descriptor
    Fd fd;             ///< the descriptor, where it was given by one
    std::optional<PreparedEnvironment> env{};
    bool warm_required = false;                            ///< there is no cold one
    bool only_warm = false;                                ///< nor may the kernel take one
    bool broker = false;                                   ///< see TemplateOptions
    Recapture recapture{};                                 ///< see TemplateOptions
    std::optional<std::vector<std::string>> ready_args{};  ///< see TemplateOptions

    /// What an Error is about.
    const std::string& label() const { return path.empty() ? name : path; }

    /// A path for a child of the calling thread, which waits for the exec. A descriptor's file is
    /// found through that thread: the child's own table may not have the descriptor then.
    std::string exec_path() const;
};

/// Finds @p name as Template::open() documents. @p search_path is the value of PATH, if it is set.
Result<Program> find_program(std::string_view name, std::optional<std::string_view> search_path);

/// Checks and duplicates @p fd as Template::from_fd() documents.
Result<Program> adopt_program(int fd, std::string_view name);

/// The interpreter that a "#!" file names: empty if the file is no script or cannot be read.
std::string script_interpreter(const std::string& path);

/// The same of a file that begins with @p head.
std::string interpreter_in(std::string_view head);

}  // namespace spawntpl::detail
