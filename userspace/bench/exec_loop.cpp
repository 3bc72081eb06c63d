// SPDX-License-Identifier: MIT
#include "exec_loop.hpp"

#include "baselines.hpp"
#include "programs.hpp"

namespace spawntpl::bench {

namespace {

constexpr std::int64_t execs = 100;

class ExecLoopRunner : public Runner {
public:
    explicit ExecLoopRunner(std::unique_ptr<Runner> runner) : runner_(std::move(runner)) {}

    std::expected<Run, std::string> run() override {
        auto run = runner_->run();
        if (run)
            run->returned = run->ended /= execs;
        return run;
    }

private:
    std::unique_ptr<Runner> runner_;
};

}  // namespace

PreparedRunner prepare_exec_loop(const Invocation& invocation) {
    if (invocation.path != payload("exit0"))
        return unavailable("this program does not execute itself; for another one see 'nolibc'");
    Invocation loop = invocation;
    loop.path = payload("exec-loop");
    // Beside the first one.
    loop.args = {"0000" + std::to_string(execs - 1)};
    auto runner = baseline_runner(loop, start_by_vfork);
    if (!runner)
        return runner;
    return std::make_unique<ExecLoopRunner>(std::move(*runner));
}

}  // namespace spawntpl::bench
