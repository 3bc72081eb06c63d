// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/fd.hpp>

#include <functional>
#include <optional>

#include <sys/types.h>

namespace spawntpl::detail {

/// Tells when children that nobody waited for at their starts have executed their programs or
/// failed: until then each of them has a close-on-exec copy of one end of a pipe.
class ExecNotice {
public:
    /// Empty where this cannot be told: without /proc, or where the children's statuses are lost.
    static std::optional<ExecNotice> open();

    /// What the children are to have, close-on-exec.
    int fd() const { return children_.get(); }

    /// Blocks until all have closed it. To be called once, when no other is started. A process that
    /// another thread of the caller forked may have it, too: @p all_have_executed is asked now and
    /// then.
    void await(const std::function<bool()>& all_have_executed);

private:
    ExecNotice(Fd own, Fd children) : own_(std::move(own)), children_(std::move(children)) {}

    Fd own_;
    Fd children_;
};

/// Whether a child of this program, not waited for yet, has executed a program, even if that has
/// ended.
bool has_executed(pid_t child);

}  // namespace spawntpl::detail
