// SPDX-License-Identifier: MIT
#include "exec_notice.hpp"

#include "above_stdio.hpp"
#include "process_stat.hpp"

#include <cerrno>
#include <climits>

#include <poll.h>
#include <signal.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

constexpr int patience = 20;  // milliseconds

bool statuses_are_lost() {
    struct sigaction action {};
    return sigaction(SIGCHLD, nullptr, &action) != 0 || action.sa_handler == SIG_IGN ||
           (action.sa_flags & SA_NOCLDWAIT);
}

}  // namespace

std::optional<ExecNotice> ExecNotice::open() {
    int ends[2];
    if (statuses_are_lost() || !proc_is_ours() || pipe2(ends, O_CLOEXEC) != 0)
        return std::nullopt;
    Fd own = above_stdio(ends[0]), children = above_stdio(ends[1]);
    return ExecNotice(std::move(own), std::move(children));
}

void ExecNotice::await(const std::function<bool()>& all_have_executed) {
    children_.reset();
    pollfd closed{.fd = own_.get(), .events = POLLIN, .revents = 0};
    while (poll(&closed, 1, patience) <= 0)
        if (all_have_executed())
            return;
}

bool has_executed(pid_t child) {
    // What POSIX wants of the parent of such a child. No group has this number.
    if (setpgid(child, INT_MAX) != 0 && errno == EACCES)
        return true;
    // In another session the answer is always the same.
    auto stat = read_stat(child);
    return !stat || stat->has_executed;
}

}  // namespace spawntpl::detail
