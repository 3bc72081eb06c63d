// SPDX-License-Identifier: MIT
//
// What a broker makes of a question, whoever asks. The first byte is the number of descriptors that
// come along.
#include "fuzz.hpp"
#include "warm_protocol.hpp"

#include <span>

namespace spawntpl::fuzz {

void run(Input input) {
    auto fds = static_cast<std::uint32_t>(input.number(256));
    pid_t pid;
    if (detail::decode_warm_wait(std::as_bytes(std::span(input.rest())), fds, pid))
        return;
    require(input.rest().size() == sizeof(detail::WarmWait), "nothing is left over or missing");
    require(pid > 0 && fds == 0, "it is about one process, and nothing else");
}

}  // namespace spawntpl::fuzz
