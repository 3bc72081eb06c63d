// SPDX-License-Identifier: MIT
#include "measure.hpp"

#include <algorithm>
#include <numeric>

namespace spawntpl::bench {

namespace {

constexpr std::uint64_t samples_per_turn = 5;

void take_turn(Contender& contender, std::uint64_t samples, ExitStatus expected) {
    // The first start of a turn does not count. It meets what the method before left behind: after
    // a fork, say, every page that the parent writes to has to be copied or claimed back.
    for (std::uint64_t i = 0; i <= samples; ++i) {
        auto run = contender.runner->run();
        if (!run)
            contender.failure = run.error();
        else if (run->status != expected)
            contender.failure = "the child's " + describe(run->status);
        if (!contender.failure.empty())
            return;
        if (i == 0)
            continue;
        contender.returned.push_back(run->returned);
        contender.ended.push_back(run->ended);
    }
}

std::int64_t nearest_rank(const std::vector<std::int64_t>& sorted, std::size_t percent) {
    return sorted[(sorted.size() * percent + 99) / 100 - 1];
}

}  // namespace

Distribution distribution(std::vector<std::int64_t> samples) {
    std::ranges::sort(samples);
    double sum = std::accumulate(samples.begin(), samples.end(), 0.0);
    return {samples.front(), nearest_rank(samples, 50), nearest_rank(samples, 90),
            nearest_rank(samples, 99), sum / static_cast<double>(samples.size())};
}

void measure(std::vector<Contender>& contenders, std::uint64_t count, ExitStatus expected,
             const std::function<void()>& round_done) {
    for (Contender& contender : contenders) {
        contender.returned.reserve(count);
        contender.ended.reserve(count);
    }
    while (count > 0) {
        std::uint64_t samples = std::min(count, samples_per_turn);
        for (Contender& contender : contenders)
            if (contender.failure.empty())
                take_turn(contender, samples, expected);
        count -= samples;
        round_done();
    }
}

std::string describe(ExitStatus status) {
    return status.code() ? "exit status is " + std::to_string(*status.code())
                         : "end is signal " + std::to_string(*status.signal());
}

}  // namespace spawntpl::bench
