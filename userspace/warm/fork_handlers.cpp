// SPDX-License-Identifier: MIT
#include "fork_handlers.hpp"

namespace spawntpl::warm {

void ForkHandlerList::add(const ForkHandler& handler) {
    if (stopped_)
        return;
    if (count_ < handlers_.size())
        handlers_[count_++] = handler;
    else
        too_many_ = true;
}

void ForkHandlerList::remove_those_of(void* object) {
    if (stopped_ || !object)
        return;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count_; ++i)
        if (handlers_[i].object != object)
            handlers_[kept++] = handlers_[i];
    count_ = kept;
}

}  // namespace spawntpl::warm
