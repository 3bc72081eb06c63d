// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/fd.hpp>
#include <spawntpl/signal_set.hpp>

#include <signal.h>

namespace spawntpl::tools {

/// Takes the signals that ask a program to end as input, while it exists: SIGINT, SIGTERM and
/// SIGHUP, but for those that are ignored. A write to a closed pipe is an error, no signal.
class EndSignals {
public:
    EndSignals();
    EndSignals(const EndSignals&) = delete;
    ~EndSignals();

    /// Readable when there is one; -1 if that did not work.
    int fd() const { return fd_.get(); }

    /// The next one, or 0.
    int take() const;

    /// The signal mask of before, for children.
    SignalSet saved_mask() const;

private:
    sigset_t saved_;
    Fd fd_;
};

/// Ends this process by the signal; returns only if it is blocked or ignored.
void die_by(int signal);

}  // namespace spawntpl::tools
