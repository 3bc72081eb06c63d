// SPDX-License-Identifier: MIT
//
// Moves that are meant to happen at once, done one by one.
#include "fd_moves.hpp"

#include "fuzz.hpp"

#include <map>

namespace spawntpl::fuzz {

void run(Input input) {
    constexpr int numbers = 24;
    std::map<int, int> expected;
    std::vector<detail::FdMove> moves;
    while (!input.empty()) {
        int target = input.number(numbers), source = input.number(numbers);
        if (expected.try_emplace(target, source).second)
            moves.push_back({target, source, static_cast<int>(moves.size())});
    }

    // A table in which each descriptor refers to itself.
    std::map<int, int> table;
    auto refers_to = [&](int fd) { return table.contains(fd) ? table[fd] : fd; };
    int held = 0;
    auto hold = [&](const detail::FdMove& move) -> std::expected<int, int> {
        table[numbers + held] = move.source;
        return numbers + held++;
    };
    std::size_t count = moves.size();
    require(detail::order_moves(moves, hold).has_value(), "there is an order");
    require(moves.size() == count, "none is lost");
    for (const detail::FdMove& move : moves)
        table[move.target] = refers_to(move.source);
    for (const auto& [target, source] : expected)
        require(table[target] == source, "each target is what its source was");
    require(held <= static_cast<int>(count) / 2, "copies are made for cycles only");
}

}  // namespace spawntpl::fuzz
