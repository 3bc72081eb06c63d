// SPDX-License-Identifier: MIT
#include "cpu_time.hpp"

#include "own_process.hpp"

#include <cstdint>

#include <sys/resource.h>
#include <time.h>

namespace spawntpl::bench {

namespace {

// So many that what is made ahead, a few children at a time, is made as often as it is used.
constexpr int uncounted_starts = 20;
constexpr int counted_starts = 200;

std::int64_t nanoseconds(const timeval& time) {
    return (std::int64_t{time.tv_sec} * 1'000'000 + time.tv_usec) * 1'000;
}

std::int64_t used_by(int who) {
    rusage usage{};
    getrusage(who, &usage);
    return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
}

std::int64_t used_by_process(pid_t pid) {
    clockid_t clock;
    timespec time{};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
        return 0;
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::int64_t used_by_all() {
    std::int64_t sum = used_by(RUSAGE_SELF) + used_by(RUSAGE_CHILDREN);
    for (pid_t pid : children())
        sum += used_by_process(pid);
    return sum;
}

bool start_many(Runner& runner, int count) {
    for (int i = 0; i < count; ++i)
        if (!runner.run())
            return false;
    return true;
}

}  // namespace

std::optional<double> cpu_time_of_a_start(Runner& runner) {
    if (!start_many(runner, uncounted_starts))
        return {};
    std::int64_t before = used_by_all();
    if (!start_many(runner, counted_starts))
        return {};
    return static_cast<double>(used_by_all() - before) / counted_starts;
}

}  // namespace spawntpl::bench
