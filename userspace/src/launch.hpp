// SPDX-License-Identifier: MIT
#pragma once

#include "child_fds.hpp"
#include "environment_block.hpp"
#include "program.hpp"

#include <spawntpl/command.hpp>
#include <spawntpl/error.hpp>

#include <optional>
#include <string>
#include <vector>

namespace spawntpl::detail {

/// A Command made ready for one start: checked, its files and its directory opened.
///
/// Keeps pointers into the Command and the Program, which must outlive it.
class Launch {
public:
    static Result<Launch> prepare(const Program& program, const Command& command);

    const Program& program() const { return *program_; }

    const Command& command() const { return *command_; }

    /// NULL-terminated.
    char* const* argv() const { return argv_.data(); }

    /// NULL-terminated.
    char* const* envp() const;

    /// Whether envp() is what the Program was prepared with.
    bool has_prepared_env() const { return program_->env && !own_env_; }

    const ChildFds& fds() const { return *fds_; }

    /// The directory to enter, or -1.
    int directory() const { return directory_.get(); }

    /// To be taken once, after the start.
    ParentEnds take_parent_ends() { return std::move(fds_->parent_ends()); }

    Error request_error(int error, std::string detail = {}) const;
    Error program_error(int error, Step step) const;
    Error clone_error(int error) const;

private:
    Launch(const Program& program, const Command& command)
        : program_(&program), command_(&command) {}

    Result<void> prepare_args();
    Result<void> prepare_env();
    Result<void> check_attributes();
    Result<void> open_fds();
    Result<void> open_directory();

    const Program* program_;
    const Command* command_;
    std::vector<char*> argv_;
    std::optional<EnvironmentBlock> own_env_;
    std::optional<ChildFds> fds_;
    Fd directory_;
};

}  // namespace spawntpl::detail
