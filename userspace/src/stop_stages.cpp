// SPDX-License-Identifier: MIT
#include "stop_stages.hpp"

#include <utility>

#include <signal.h>

namespace spawntpl::detail {

StopStages::StopStages(const StopPolicy& policy)
    : stages_{{{policy.wait, 0}, {policy.terminate, SIGTERM}, {policy.kill, SIGKILL}}},
      tree_(policy.tree) {}

Result<std::optional<Clock::time_point>> StopStages::begin_next(const Child& child) {
    while (next_ < stages_.size()) {
        auto [time, signal] = stages_[next_++];
        if (!time)
            continue;
        if (signal != 0)
            if (auto sent = tree_ ? child.signal_tree(signal) : child.send_signal(signal); !sent)
                return std::unexpected(std::move(sent.error()));
        return after(*time);
    }
    return std::nullopt;
}

}  // namespace spawntpl::detail
