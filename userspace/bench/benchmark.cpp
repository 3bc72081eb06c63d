// SPDX-License-Identifier: MIT
#include "benchmark.hpp"

#include "interruption.hpp"
#include "questions.hpp"

namespace spawntpl::bench {

std::vector<Outcome> run(const Selection& selection, Progress& progress) {
    std::vector<Group> asked = groups(selection);
    std::uint64_t all_rounds = 0;
    for (const Group& group : asked)
        all_rounds += rounds(group);
    progress.start(asked.size(), all_rounds);

    std::vector<Outcome> outcomes;
    for (const Group& group : asked) {
        progress.group(describe(group), rounds(group));
        auto more = measure(group, [&] {
            progress.round();
            end_if_interrupted();
        });
        outcomes.insert(outcomes.end(), std::make_move_iterator(more.begin()),
                        std::make_move_iterator(more.end()));
    }
    progress.end();
    return outcomes;
}

}  // namespace spawntpl::bench
