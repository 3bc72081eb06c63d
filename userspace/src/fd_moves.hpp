// SPDX-License-Identifier: MIT
#pragma once

#include <expected>
#include <functional>
#include <span>
#include <vector>

namespace spawntpl::detail {

/// The child's descriptor `target` becomes the caller's `source`.
struct FdMove {
    int target;
    int source;
    int index;  ///< of the redirection that asks for it

    bool operator==(const FdMove&) const = default;
};

/// The child does not have the descriptor `target`.
struct FdClose {
    int target;
    int index;  ///< of the redirection that asks for it
};

/// Copies the source of a move to a descriptor that is neither a source nor a target of any, and
/// returns that or the errno.
using HoldSource = std::function<std::expected<int, int>(const FdMove&)>;

struct HoldFailure {
    int index;  ///< of the redirection
    int error;
};

/// Puts moves that are meant to happen at once, each to another target, into an order in which
/// dup2() can do them one by one: none overwrites what a later one reads. Each cycle costs one
/// call of @p hold, whose result takes the place of the overwritten source.
std::expected<void, HoldFailure> order_moves(std::vector<FdMove>& moves, const HoldSource& hold);

}  // namespace spawntpl::detail
