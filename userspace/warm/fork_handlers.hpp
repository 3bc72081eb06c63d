// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace spawntpl::warm {

/// What pthread_atfork(3) was told by libraries: they expect it of a process that is copied.
struct ForkHandler {
    void (*prepare)();
    void (*in_parent)();
    void (*in_child)();
    void* object;  ///< that has told it; it is forgotten when that is unloaded
};

using ForkHandlers = std::span<const ForkHandler>;

/// All of a process, in their order, until it becomes a template process.
class ForkHandlerList {
public:
    void add(const ForkHandler& handler);
    void remove_those_of(void* object);

    /// Nothing is recorded any more.
    void stop() { stopped_ = true; }

    bool are_too_many() const { return too_many_; }

    operator ForkHandlers() const { return {handlers_.data(), count_}; }

private:
    std::array<ForkHandler, 64> handlers_{};
    std::size_t count_ = 0;
    bool too_many_ = false;
    bool stopped_ = false;
};

}  // namespace spawntpl::warm
