// SPDX-License-Identifier: MIT
//
// What the owner makes of the first messages of a template process, whatever runs in that.
#include "fuzz.hpp"
#include "warm_protocol.hpp"

#include <cstring>
#include <span>

namespace spawntpl::fuzz {

void run(Input input) {
    auto message = std::as_bytes(std::span(input.rest()));
    detail::WarmHello hello;
    std::span<const char> names;
    if (detail::decode_warm_hello(message, hello, names))
        return;
    require(hello.news <= detail::WarmNews::arrival && hello.pid > 0, "the fields are in range");
    require(std::as_bytes(names).data() == message.data() + sizeof(detail::WarmHello) &&
                sizeof(detail::WarmHello) + names.size() == message.size(),
            "the names are the rest of the message");
    std::size_t count = 0, length = 0;
    for (; length < names.size(); ++count)
        length += std::strlen(names.data() + length) + 1;
    require(length == names.size(), "the last name ends with the message");
    require(count == 1 || (count > 1 && hello.news != detail::WarmNews::arrival),
            "there is one reason, or there are names");
}

}  // namespace spawntpl::fuzz
