// SPDX-License-Identifier: MIT
#pragma once

#include "fd_moves.hpp"
#include "program.hpp"
#include "unique_fd.hpp"

#include <spawntpl/command.hpp>
#include <spawntpl/error.hpp>

#include <vector>

namespace spawntpl::detail {

/// A Command made ready for one start: checked, its files and its directory opened. All that is
/// left to do in the child is to move descriptors, to enter a directory and to set signals.
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

    /// The redirections but for closes. They happen at once, see order_moves().
    const std::vector<FdMove>& moves() const { return moves_; }

    /// The redirections that close.
    const std::vector<FdClose>& closes() const { return closes_; }

    /// The directory to enter, or -1.
    int directory() const { return directory_.get(); }

    Error request_error(int error, std::string detail = {}) const;
    Error redirect_error(int error, int index, std::string detail = {}) const;
    Error directory_error(int error, std::string detail = {}) const;
    Error program_error(int error, Step step) const;

private:
    Launch(const Program& program, const Command& command)
        : program_(&program), command_(&command) {}

    Result<void> prepare_strings();
    Result<void> check_sources();
    Result<void> open_files();
    Result<void> open_directory();

    const Program* program_;
    const Command* command_;
    std::vector<char*> argv_;
    std::vector<char*> envp_;
    std::vector<FdMove> moves_;
    std::vector<FdClose> closes_;
    std::vector<UniqueFd> files_;
    UniqueFd directory_;
};

/// Orders the moves of a Launch. What breaks their cycles is kept open in @p held.
Result<void> order_moves(const Launch& launch, std::vector<FdMove>& moves,
                         std::vector<UniqueFd>& held);

}  // namespace spawntpl::detail
