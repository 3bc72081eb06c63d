// SPDX-License-Identifier: MIT
#pragma once

#include "fd_moves.hpp"

#include <spawntpl/command.hpp>
#include <spawntpl/error.hpp>
#include <spawntpl/fd.hpp>

#include <map>
#include <vector>

namespace spawntpl::detail {

/// The caller's sides of the pipes and of the pseudo-terminal of one child.
struct ParentEnds {
    std::map<int, Fd> pipes{};  ///< by the child's descriptor
    Fd terminal{};
};

/// The redirections of a Command made ready for one start: files, pipes and the pseudo-terminal are
/// open, so that all that is left to do in the child is to move descriptors and to close some.
class ChildFds {
public:
    static Result<ChildFds> open(const Command& command);

    /// They happen at once, see order_moves().
    const std::vector<FdMove>& moves() const { return moves_; }

    const std::vector<FdClose>& closes() const { return closes_; }

    /// The caller's descriptor that is to be the child's controlling terminal, or -1.
    int controlling_terminal() const { return controlling_terminal_; }

    ParentEnds& parent_ends() { return parent_ends_; }

private:
    explicit ChildFds(const Command& command) : command_(&command) {}

    Result<void> check();
    Result<void> open_pseudo_terminal();
    Result<void> open_sources();
    Result<Fd> open_source(const FromFile& file, int index) const;
    Result<Fd> open_source(const FromPipe& pipe, int index);
    Result<Fd> open_source(const FromData& data, int index) const;
    Result<void> resolve_same();

    const Command* command_;
    std::vector<FdMove> moves_;
    std::vector<FdClose> closes_;
    std::vector<Fd> held_;
    int controlling_terminal_ = -1;
    ParentEnds parent_ends_;
};

/// Orders the moves. What breaks their cycles is kept open in @p held.
Result<void> order_moves(const Command& command, std::vector<FdMove>& moves, std::vector<Fd>& held);

}  // namespace spawntpl::detail
