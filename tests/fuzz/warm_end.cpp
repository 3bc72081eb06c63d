// SPDX-License-Identifier: MIT
//
// What the owner makes of a broker's answer, whoever sent it. The first byte is the number of
// descriptors that come along.
#include "fuzz.hpp"
#include "warm_protocol.hpp"

#include <span>

#include <sys/wait.h>

namespace spawntpl::fuzz {

void run(Input input) {
    auto fds = static_cast<std::uint32_t>(input.number(256));
    detail::WarmEnd end;
    if (detail::decode_warm_end(std::as_bytes(std::span(input.rest())), fds, end))
        return;
    require(input.rest().size() == sizeof(end) && fds == 0, "nothing is left over or missing");
    require(end.error == 0 || end.code == 0, "it has ended or there is an error");
    require(end.code != CLD_EXITED || (end.status >= 0 && end.status < 256),
            "an exit status is one");
    require(
        (end.code != CLD_KILLED && end.code != CLD_DUMPED) || (end.status > 0 && end.status <= 64),
        "a signal is one");
    require(
        end.code == 0 || end.code == CLD_EXITED || end.code == CLD_KILLED || end.code == CLD_DUMPED,
        "the kind of the end is known");
    require(end.user_time >= 0 && end.system_time >= 0 && end.max_rss >= 0,
            "nothing is less than nothing");
}

}  // namespace spawntpl::fuzz
