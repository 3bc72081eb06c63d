// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/fd.hpp>

#include <fcntl.h>

namespace spawntpl::bench {

/// Makes one of this process's own descriptors another one for a while, so that children have it
/// too, whichever way they are started.
class Redirected {
public:
    Redirected(int target, int source)
        : target_(target), saved_(fcntl(target, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)) {
        dup2(source, target);
    }

    Redirected(const Redirected&) = delete;

    ~Redirected() {
        if (saved_)
            dup2(saved_.get(), target_);
        else
            close(target_);
    }

private:
    int target_;
    Fd saved_;
};

}  // namespace spawntpl::bench
