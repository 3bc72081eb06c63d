// SPDX-License-Identifier: MIT
//
// Moves of descriptors that are meant to happen at once are put into an order that has this effect.
#include "fd_moves.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <random>

namespace spawntpl::tests {
namespace {

using detail::FdMove;

constexpr int first_held = 1000;

struct Outcome {
    std::map<int, int> table;  ///< target and the source it refers to
    int held;
};

/// Orders the moves, then does them one by one on a table where each descriptor refers to itself.
Outcome carry_out(std::vector<FdMove> moves) {
    std::map<int, int> table;
    int held = 0;
    auto look_up = [&](int fd) { return table.contains(fd) ? table[fd] : fd; };
    auto hold = [&](const FdMove& move) -> std::expected<int, int> {
        table[first_held + held] = move.source;
        return first_held + held++;
    };
    auto ordered = detail::order_moves(moves, hold);
    EXPECT_TRUE(ordered);
    for (const FdMove& move : moves)
        table[move.target] = look_up(move.source);
    std::erase_if(table, [](const auto& entry) { return entry.first >= first_held; });
    return {table, held};
}

void expect_effect(const std::vector<FdMove>& moves, int held) {
    std::map<int, int> expected;
    for (const FdMove& move : moves)
        expected[move.target] = move.source;
    Outcome outcome = carry_out(moves);
    EXPECT_EQ(outcome.table, expected);
    EXPECT_EQ(outcome.held, held);
}

TEST(FdMoves, none) {
    expect_effect({}, 0);
}

TEST(FdMoves, independent) {
    expect_effect({{0, 5, 0}, {1, 6, 1}, {2, 6, 2}}, 0);
}

TEST(FdMoves, in_place) {
    expect_effect({{5, 5, 0}, {6, 5, 1}, {7, 6, 2}}, 0);
}

TEST(FdMoves, chain_in_any_order) {
    std::vector<FdMove> moves = {{1, 2, 0}, {2, 3, 1}, {3, 4, 2}, {4, 5, 3}};
    do
        expect_effect(moves, 0);
    while (std::ranges::next_permutation(moves, {}, &FdMove::target).found);
}

TEST(FdMoves, swap) {
    expect_effect({{1, 2, 0}, {2, 1, 1}}, 1);
}

TEST(FdMoves, swap_with_other_readers) {
    expect_effect({{1, 2, 0}, {2, 1, 1}, {3, 1, 2}, {4, 2, 3}, {5, 4, 4}}, 1);
}

TEST(FdMoves, two_cycles) {
    expect_effect({{1, 2, 0}, {2, 3, 1}, {3, 1, 2}, {7, 8, 3}, {8, 7, 4}, {9, 9, 5}}, 2);
}

TEST(FdMoves, keep_what_asked_for_them) {
    std::vector<FdMove> moves = {{1, 2, 10}, {2, 3, 20}};
    ASSERT_TRUE(detail::order_moves(moves, {}));
    EXPECT_EQ(moves, (std::vector<FdMove>{{1, 2, 10}, {2, 3, 20}}));
}

TEST(FdMoves, failure_to_hold_names_the_redirection) {
    std::vector<FdMove> moves = {{1, 2, 10}, {2, 1, 20}};
    auto ordered = detail::order_moves(
        moves, [](const FdMove&) -> std::expected<int, int> { return std::unexpected(EMFILE); });
    ASSERT_FALSE(ordered);
    EXPECT_EQ(ordered.error().error, EMFILE);
    EXPECT_TRUE(ordered.error().index == 10 || ordered.error().index == 20);
}

TEST(FdMoves, any) {
    std::mt19937 random(1);
    for (int round = 0; round < 2000; ++round) {
        int size = 2 + static_cast<int>(random() % 8);
        std::vector<FdMove> moves;
        for (int target = 0; target < size; ++target)
            if (random() % 4)
                moves.push_back({target, static_cast<int>(random() % size), target});
        std::ranges::shuffle(moves, random);

        std::map<int, int> expected;
        for (const FdMove& move : moves)
            expected[move.target] = move.source;
        Outcome outcome = carry_out(moves);
        ASSERT_EQ(outcome.table, expected) << "round " << round;
        ASSERT_LE(outcome.held, size / 2);
    }
}

}  // namespace
}  // namespace spawntpl::tests
