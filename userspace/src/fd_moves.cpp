// SPDX-License-Identifier: MIT
#include "fd_moves.hpp"

#include <unordered_map>
#include <utility>

namespace spawntpl::detail {

namespace {

class Orderer {
public:
    Orderer(std::vector<FdMove> moves, const HoldSource& hold)
        : moves_(std::move(moves)), done_(moves_.size()), hold_(hold) {
        for (std::size_t i = 0; i < moves_.size(); ++i) {
            writer_[moves_[i].target] = i;
            if (!in_place(moves_[i]))
                readers_[moves_[i].source].push_back(i);
        }
    }

    std::expected<std::vector<FdMove>, HoldFailure> run() {
        for (std::size_t i = 0; i < moves_.size(); ++i)
            emit_chain(i);
        for (std::size_t i = 0; i < moves_.size(); ++i) {
            if (done_[i])
                continue;
            if (auto held = break_cycle(i); !held)
                return std::unexpected(held.error());
            emit_chain(i);
        }
        return std::move(ordered_);
    }

private:
    /// It overwrites nothing: dup2() of a descriptor to itself only makes it stay at exec.
    static bool in_place(const FdMove& move) { return move.target == move.source; }

    /// Emits move i if nothing is still to read its target, then those that waited for it alone.
    void emit_chain(std::size_t i) {
        while (!done_[i] && readers_[moves_[i].target].empty()) {
            done_[i] = true;
            ordered_.push_back(moves_[i]);
            int source = moves_[i].source;
            if (in_place(moves_[i]))
                return;
            std::erase(readers_[source], i);
            auto writer = writer_.find(source);
            if (writer == writer_.end())
                return;
            i = writer->second;
        }
    }

    /// Lets the readers of move i's target read a copy of it.
    std::expected<void, HoldFailure> break_cycle(std::size_t i) {
        std::vector<std::size_t> readers = std::exchange(readers_[moves_[i].target], {});
        auto copy = hold_(moves_[readers.front()]);
        if (!copy)
            return std::unexpected(HoldFailure{moves_[readers.front()].index, copy.error()});
        for (std::size_t reader : readers)
            moves_[reader].source = *copy;
        readers_[*copy] = std::move(readers);
        return {};
    }

    std::vector<FdMove> moves_;
    std::vector<bool> done_;
    const HoldSource& hold_;
    std::unordered_map<int, std::size_t> writer_;
    std::unordered_map<int, std::vector<std::size_t>> readers_;
    std::vector<FdMove> ordered_;
};

}  // namespace

std::expected<void, HoldFailure> order_moves(std::vector<FdMove>& moves, const HoldSource& hold) {
    if (moves.size() < 2)
        return {};
    auto ordered = Orderer(std::move(moves), hold).run();
    if (!ordered)
        return std::unexpected(ordered.error());
    moves = std::move(*ordered);
    return {};
}

}  // namespace spawntpl::detail
