// SPDX-License-Identifier: MIT
#pragma once

#include <pthread.h>

namespace spawntpl::detail {

/// Keeps pthread_cancel(3) from unwinding the library half way.
class NoCancellation {
public:
    NoCancellation() { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old_); }

    NoCancellation(const NoCancellation&) = delete;

    ~NoCancellation() { pthread_setcancelstate(old_, nullptr); }

private:
    int old_;
};

}  // namespace spawntpl::detail
