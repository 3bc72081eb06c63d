// SPDX-License-Identifier: MIT
#include "rehearsals.hpp"

#include <cerrno>
#include <span>

namespace spawntpl::warm {

void Rehearsals::begin(pid_t child) {
    // It may have ended by now, as another one will not.
    if (!record_.begin(child) && errno != ESRCH)
        done_ = wanted;
}

void Rehearsals::look(WorkingSet& memory) {
    if (!record_.has_begun())
        return;
    if (record_.process_has_ended()) {
        count();
        record_.end();
        looks_ = 0;
        if (++done_ == wanted)
            teach(memory);
    } else if (++looks_ == max_looks) {
        // As long as there is a record, the kernel looks for it whenever any process is scheduled.
        record_.end();
        done_ = wanted;
    }
}

void Rehearsals::count() {
    std::uintptr_t address;
    while (record_.next(address))
        count(reinterpret_cast<std::byte*>(address / page_size * page_size));
}

/// Of a program that looks at more than there is room for, the first ones: it is likely to look at
/// these each time.
void Rehearsals::count(std::byte* page) {
    for (std::size_t i = 0; i < size_; ++i)
        if (pages_[i].begin == page) {
            pages_[i].rehearsals += pages_[i].last != done_;
            pages_[i].last = done_;
            return;
        }
    if (size_ < pages_.size())
        pages_[size_++] = {page, 1, done_};
}

void Rehearsals::teach(WorkingSet& memory) {
    std::byte* found[max_pages];
    std::size_t count = 0;
    for (std::size_t i = 0; i < size_; ++i) {
        if (pages_[i].rehearsals < most)
            continue;
        std::size_t at = count++;
        for (; at != 0 && found[at - 1] > pages_[i].begin; --at)
            found[at] = found[at - 1];
        found[at] = pages_[i].begin;
    }
    memory.learn({found, count});
}

}  // namespace spawntpl::warm
