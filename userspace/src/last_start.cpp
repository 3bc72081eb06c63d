// SPDX-License-Identifier: MIT
#include "last_start.hpp"

#include <cerrno>
#include <ctime>

#include <signal.h>

namespace spawntpl::detail {

namespace {

/// What a start and a wait take, and what a child may be late by without harm.
constexpr std::chrono::milliseconds hardly{1};

std::chrono::nanoseconds cpu_time() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

bool LastStart::is_waited_for() const {
    // Another process may have got the number: then it is taken for the child that still runs.
    return child_ != 0 && cpu_time() - cpu_time_ <= hardly && kill(child_, 0) != 0 &&
           errno == ESRCH;
}

void LastStart::note(pid_t child) {
    child_ = child;
    cpu_time_ = cpu_time();
}

}  // namespace spawntpl::detail
