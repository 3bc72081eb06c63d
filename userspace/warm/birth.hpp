// SPDX-License-Identifier: MIT
#pragma once

#include "affinity.hpp"
#include "descriptors.hpp"
#include "fork_handlers.hpp"
#include "image.hpp"
#include "messages.hpp"
#include "warm_protocol.hpp"
#include "working_set.hpp"

namespace spawntpl::warm {

/// A child, between its birth and its main(). All that every child needs is done before it asks for
/// its request.
class Birth {
public:
    /// Of this lane, with this serial.
    Birth(const Image& image, const WorkingSet& memory, const Affinity& affinity,
          std::uint32_t lane, std::uint32_t serial)
        : image_(image), memory_(memory), affinity_(affinity), serial_(serial) {
        take_lane(lane);
    }

    /// Returns when the child is to enter main(), with its strings.
    detail::WarmPlan run(ForkHandlers handlers);

private:
    void take_lane(std::uint32_t lane);
    bool say_ready();
    void wait_for_request();
    void become();
    void perform(std::uint32_t first, std::uint32_t end);
    void say(detail::WarmStep step, int index = -1, int error = 0,
             std::span<const int> fds = {}) const;
    [[noreturn]] void fail(detail::WarmStep step, int index, int error) const;

    const Image& image_;
    const WorkingSet& memory_;
    const Affinity& affinity_;
    std::uint32_t serial_;
    detail::WarmPlan plan_;
    Descriptors fds_{.received = {}, .socket = detail::warm_child_socket};
};

}  // namespace spawntpl::warm
