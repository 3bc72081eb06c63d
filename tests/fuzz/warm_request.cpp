// SPDX-License-Identifier: MIT
//
// What a template process does with a message, whoever sent it. The first byte is the number of
// descriptors that come along.
#include "fuzz.hpp"
#include "warm_protocol.hpp"

#include <cstring>
#include <vector>

namespace spawntpl::fuzz {

void run(Input input) {
    auto fds = static_cast<std::uint32_t>(input.number(256));
    std::vector<std::uint64_t> memory(input.rest().size() / 8 + 1);
    std::memcpy(memory.data(), input.rest().data(), input.rest().size());
    std::span message(reinterpret_cast<std::byte*>(memory.data()), input.rest().size());
    std::vector<char*> pointers(message.size() + 2);
    detail::WarmPlan plan;
    if (detail::decode_warm_request(message, fds, pointers, plan) != nullptr)
        return;

    auto inside = [&](const void* from, std::size_t size) {
        const auto* first = static_cast<const std::byte*>(from);
        return first >= message.data() && first + size <= message.data() + message.size();
    };
    for (const detail::WarmMove& move : plan.moves)
        require(move.source < fds && move.target >= 0, "moves are of descriptors that are there");
    for (const spawn_template_action& action : plan.actions) {
        if (detail::warm_action_reads_fd(action.type))
            require(action.fd >= 0 && static_cast<std::uint32_t>(action.fd) < fds,
                    "actions are on descriptors that are there");
        const auto* operand = reinterpret_cast<const void*>(action.arg);
        if (action.type == SPAWN_TEMPLATE_RLIMIT)
            require(inside(operand, sizeof(spawn_template_rlimit)), "operands are in the message");
        if (action.type == SPAWN_TEMPLATE_AFFINITY)
            require(inside(operand, action.size), "masks are in the message");
        if (action.type == SPAWN_TEMPLATE_SETIDS) {
            const auto& ids = *static_cast<const spawn_template_ids*>(operand);
            require(inside(&ids, sizeof(ids) + ids.nr_groups * sizeof(std::uint32_t)),
                    "groups are in the message");
        }
    }
    for (char** string = plan.argv; *string; ++string)
        require(inside(*string, std::strlen(*string) + 1), "strings end in the message");
    for (char** string = plan.envp; *string; ++string)
        require(inside(*string, std::strlen(*string) + 1), "strings end in the message");
}

}  // namespace spawntpl::fuzz
