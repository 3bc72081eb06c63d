// SPDX-License-Identifier: MIT
#pragma once

#include "event_loop.hpp"
#include "stop_stages.hpp"

#include <spawntpl/job.hpp>

#include <optional>
#include <vector>

namespace spawntpl::detail {

/// A job whose child was started: what is waited for, and how far stopping it has come.
class RunningJob {
public:
    /// What the job waits for is told to @p loop under @p first_token and those that follow it.
    RunningJob(Job job, Child child, JobResult result, Clock::time_point started, EventLoop& loop,
               Token first_token);

    /// The most tokens a job needs: one for each descriptor that a child can have a pipe at.
    static constexpr unsigned token_bits = 24;

    /// Begins to wait for the child and its output; if that fails, the child is killed.
    void watch();

    Child& child() { return child_; }

    const Job& job() const { return job_; }

    Job& job() { return job_; }

    /// When expire() wants to be called.
    Clock::time_point deadline() const { return deadline_; }

    /// Whether the result is still to come.
    bool is_active() const { return phase_ != Phase::abandoned && phase_ != Phase::over; }

    void handle(const Event& event);

    void expire();

    /// Stops the child by the policy, from its beginning.
    void stop(JobEnd why, const StopPolicy& policy);

    /// Whether the result is complete. It can be taken once.
    bool has_result() const { return has_result_; }

    JobResult take_result() {
        has_result_ = false;
        return std::move(result_);
    }

    /// Whether the child is gone, so that nothing is left to do once the result was taken.
    bool is_over() const { return phase_ == Phase::over; }

private:
    enum class Phase {
        running,
        stopping,
        draining,   ///< the child has ended, others have its pipes
        abandoned,  ///< the child outlived its StopPolicy; it is only reaped
        over,
    };

    struct Output {
        int target;
        Fd pipe;
    };

    Result<void> await_events();
    Result<void> await_exit();
    void child_ended();
    void got_output(std::size_t index, const Event& event);
    void next_stop_stage();
    void drain();

    /// Whether it has, though the event that tells of it may still be on the way.
    bool has_ended() const;

    /// Takes what the pipes hold now: whoever calls the Supervisor may have been away for long.
    void read_rest();
    void close_outputs();
    void finish();

    Token output_token(std::size_t index) const { return first_token_ + 1 + index; }

    Job job_;
    Child child_;
    JobResult result_;
    Clock::time_point started_;
    EventLoop& loop_;
    Token first_token_;
    Phase phase_ = Phase::running;
    Clock::time_point deadline_ = Clock::time_point::max();
    std::vector<Output> outputs_;
    std::size_t open_outputs_ = 0;
    std::optional<StopStages> stop_stages_;
    std::optional<Error> stop_error_;
    bool has_result_ = false;
};

}  // namespace spawntpl::detail
