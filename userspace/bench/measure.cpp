// SPDX-License-Identifier: MIT
#include "measure.hpp"

#include "idle_time.hpp"
#include "statistics.hpp"
#include "stopwatch.hpp"

#include <algorithm>
#include <random>

namespace spawntpl::bench {

namespace {

constexpr std::uint64_t most_per_turn = 5;

void take_turn(Contender& contender, std::uint64_t samples, ExitStatus expected) {
    std::int64_t idle_before = idle_time();
    for (std::uint64_t i = 0; i <= samples; ++i) {
        Stopwatch::use_marks(i == 0 ? 0 : contender.mark);
        auto run = contender.runner->run();
        if (!run)
            contender.failure = run.error();
        else if (run->status != expected)
            contender.failure = "the child's " + describe(run->status);
        if (!contender.failure.empty())
            return;
        // What the very first start of a template does once is in none that counts.
        if (i == 0 && contender.ended.empty())
            idle_before = idle_time();
        if (i == 0)
            continue;
        contender.returned.push_back(run->returned);
        contender.ended.push_back(run->ended);
        contender.left_out += run->idle;
    }
    contender.idle += idle_time() - idle_before;
}

}  // namespace

std::uint64_t samples_per_turn(std::uint64_t count) {
    // Below it there is no interval, whatever is done.
    if (count < least_turns)
        return most_per_turn;
    return std::min<std::uint64_t>(most_per_turn, count / least_turns);
}

void measure(std::vector<Contender>& contenders, std::uint64_t count, std::uint64_t turn,
             ExitStatus expected, const std::function<void()>& round_done) {
    for (Contender& contender : contenders) {
        contender.returned.reserve(count);
        contender.ended.reserve(count);
    }
    std::vector<Contender*> order;
    for (Contender& contender : contenders)
        order.push_back(&contender);
    // Two measurements of one selection have the same orders.
    std::mt19937_64 random(contenders.size());
    while (count > 0) {
        std::uint64_t samples = std::min(count, turn);
        std::ranges::shuffle(order, random);
        for (Contender* contender : order)
            if (contender->failure.empty())
                take_turn(*contender, samples, expected);
        count -= samples;
        round_done();
    }
}

std::string describe(ExitStatus status) {
    return status.code() ? "exit status is " + std::to_string(*status.code())
                         : "end is signal " + std::to_string(*status.signal());
}

}  // namespace spawntpl::bench
