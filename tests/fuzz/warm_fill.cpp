// SPDX-License-Identifier: MIT
//
// What a template process makes of a message that asks for a child, whoever sent it. The first byte
// is the number of descriptors that come along.
#include "fuzz.hpp"
#include "warm_protocol.hpp"

#include <span>

namespace spawntpl::fuzz {

void run(Input input) {
    auto fds = static_cast<std::uint32_t>(input.number(256));
    detail::WarmFill fill;
    if (detail::decode_warm_fill(std::as_bytes(std::span(input.rest())), fds, fill))
        return;
    require(input.rest().size() == sizeof(fill), "nothing is left over or missing");
    require(fill.lane <= detail::warm_all_lanes, "the lane is there");
    require(fds == 0 || (fds == 1 && fill.lane == detail::warm_lane_on_demand),
            "a cgroup comes for a child of its own only");
}

}  // namespace spawntpl::fuzz
