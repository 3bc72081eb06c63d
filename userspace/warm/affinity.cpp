// SPDX-License-Identifier: MIT
#include "affinity.hpp"

#include <cstring>

#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::warm {

namespace {

/// How many bytes of it the kernel knows, or 0.
template <typename Set>
std::size_t get(Set& set) {
    long size = syscall(SYS_sched_getaffinity, 0, set.size(), set.data());
    return size > 0 ? static_cast<std::size_t>(size) : 0;
}

template <typename Set>
bool ask_for(const Set& set) {
    return syscall(SYS_sched_setaffinity, 0, set.size(), set.data()) == 0;
}

}  // namespace

void Affinity::take() {
    size_ = get(own_);
    // A process that was told its processors keeps to these when its cpuset gets more. One that was
    // not is to have all of them then.
    wanted_.fill(0xff);
    ask_for(wanted_);
    Set now{};
    if (get(now) == size_ && now == own_)
        return;
    wanted_ = own_;
    ask_for(wanted_);
}

void Affinity::bind(int cpu) {
    if (cpu == bound_)
        return;
    Set one{};
    auto number = static_cast<std::size_t>(cpu);
    if (cpu >= 0 && number / 8 < one.size()) {
        one[number / 8] = static_cast<unsigned char>(1U << number % 8);
        if (ask_for(one)) {
            bound_ = cpu;
            return;
        }
    }
    bound_ = -1;
    ask_for(wanted_);
}

void Affinity::restore() const {
    Set now;
    if (get(now) != size_ || std::memcmp(now.data(), own_.data(), size_) != 0)
        // It fails if the cpuset has changed meanwhile: then the kernel has chosen others.
        ask_for(wanted_);
}

}  // namespace spawntpl::warm
