// SPDX-License-Identifier: MIT
#include "measure.hpp"

#include "stopwatch.hpp"

#include <algorithm>

namespace spawntpl::bench {

namespace {

void take_turn(Contender& contender, std::uint64_t samples, ExitStatus expected) {
    for (std::uint64_t i = 0; i <= samples; ++i) {
        Stopwatch::use_marks(i == 0 ? 0 : contender.mark);
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

}  // namespace

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
