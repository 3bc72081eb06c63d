// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/error.hpp>
#include <spawntpl/export.hpp>
#include <spawntpl/job.hpp>
#include <spawntpl/stop_policy.hpp>

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace spawntpl {

/// What to do when a child cannot be started for want of processes, memory or descriptors: EAGAIN,
/// ENOMEM, EMFILE or ENFILE. The job waits at the head of the queue, and no other is started before
/// it; it is tried again whenever a child ends, and after a delay that doubles each time.
struct StartRetry {
    /// How often, before the job ends with the error; 0 is never. Only tries with no other
    /// child running count: while there are some, their ends make room.
    unsigned attempts = 0;
    std::chrono::milliseconds first_delay{10};      ///< before the second try
    std::chrono::milliseconds longest_delay{1000};  ///< where doubling ends
};

/// How a Supervisor works. A plain value.
struct SupervisorOptions {
    /// How many children may run at once; 0 is two for each CPU this program may use.
    std::size_t max_running = 0;

    /// How many jobs may wait for their start.
    std::size_t max_queued = 1024;

    /// What to do when the system is short of something that a start needs.
    StartRetry start_retry{};

    /// What the destructor does to the children that still run.
    StopPolicy at_end = StopPolicy::killing();

    /// "io_uring" or "epoll". Empty: the environment variable SPAWNTPL_EVENT_LOOP (not read by
    /// set-user-ID programs) and, without that, io_uring where the system allows it, else epoll.
    std::string event_loop{};
};

/// Runs many children from one thread: starts them, not too many at once, collects what they write
/// and how they end, and stops those that take too long. One blocking place for all of it, on
/// io_uring: exits (IORING_OP_WAITID of Linux 6.7, else polled pidfds), pipes and timeouts; on
/// epoll where io_uring is refused. It needs no signal handler and no other thread.
///
/// Only the thread that created a Supervisor may use it. In a copy of the program that fork() made
/// it may only be destroyed, which does nothing there. Things happen only inside submit(),
/// turn(), next() and next_until(): call one of them again and again.
class SPAWNTPL_API Supervisor {
public:
    /// A Supervisor for the calling thread. EINVAL if there is no event loop of the name that was
    /// asked for; if this system refuses it, the errno of that.
    static Result<Supervisor> create(const SupervisorOptions& options = {});

    /// Jobs and their callbacks go along; what was moved from may only be assigned to or destroyed.
    Supervisor(Supervisor&& other) noexcept;

    /// Ends the jobs of the one that is replaced, as its destructor does.
    Supervisor& operator=(Supervisor&& other) noexcept;

    /// Stops what still runs, as SupervisorOptions::at_end says, and waits for it. Results that
    /// were not fetched are lost; no callback runs any more.
    ~Supervisor();

    /// Hands over a job: it starts now if it may, else it is queued. If the queue is full this
    /// blocks, as turn() does, until there is a place. A start that fails is the job's result, not
    /// an error here.
    Result<JobId> submit(Job job);

    /// As submit(), but EAGAIN if the queue is full. For callbacks, too.
    Result<JobId> try_submit(Job job);

    /// Whether try_submit() would fail.
    bool full() const;

    class Running;

    /// For coroutines: `JobResult result = co_await supervisor.run(job)`. The coroutine goes on
    /// inside turn(); it takes the place of Job::on_end. If the queue is full the result is EAGAIN
    /// at once. Coroutines of jobs that the destructor ends do not go on any more.
    Running run(Job job);

    /// The next result, in the order in which jobs end; waits for one. Empty when no job without
    /// Job::on_end is left.
    Result<std::optional<JobResult>> next();

    /// As next(), but empty, too, when the time is over.
    Result<std::optional<JobResult>> next_until(std::chrono::steady_clock::time_point time);

    /// A result that is there already. Never blocks, and does nothing else.
    std::optional<JobResult> take();

    /// Waits until something happens, at most until @p time, and handles all that did. Returns at
    /// once if there is nothing to wait for, and perhaps for nothing.
    Result<void> turn(std::optional<std::chrono::steady_clock::time_point> time = std::nullopt);

    /// Stops a job by its own policy or by another: one that is queued at once, one that is being
    /// stopped by the new policy from its beginning. Its result comes as always. False if the job
    /// has ended.
    bool cancel(JobId id);

    /// As cancel(id), with another policy than the job's own.
    bool cancel(JobId id, const StopPolicy& policy);

    /// Cancels all jobs.
    void cancel_all();

    /// As cancel_all(), with another policy than the jobs' own.
    void cancel_all(const StopPolicy& policy);

    /// Names a call of when_readable().
    using WatchId = std::uint64_t;

    /// Calls @p callback once, from turn(), when @p fd can be read without blocking: a terminal, a
    /// signalfd, a socket. The caller keeps @p fd open until then or until forget(). turn() waits
    /// for such a thing alone, too; next() only for as long as there are jobs.
    Result<WatchId> when_readable(int fd, std::function<void()> callback);

    /// The callback is not called any more; nothing if it has been.
    void forget(WatchId id);

    /// Children that run, or are being stopped, or whose output is still read.
    std::size_t running() const;

    /// Jobs that wait for their start.
    std::size_t queued() const;

    /// "io_uring" or "epoll".
    std::string_view event_loop() const;

private:
    class State;

    explicit Supervisor(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

/// What Supervisor::run() returns, to be awaited at once.
class Supervisor::Running {
public:
    /// What co_await does with it is the rest of this class.
    Running(Supervisor& supervisor, Job job) : supervisor_(supervisor), job_(std::move(job)) {}

    /// Never: the job is submitted when it is awaited.
    bool await_ready() const { return false; }

    /// Submits the job; the coroutine goes on at once if that fails.
    bool await_suspend(std::coroutine_handle<> waiter) {
        job_.on_end = [this, waiter](JobResult result) {
            result_ = std::move(result);
            waiter.resume();
        };
        auto submitted = supervisor_.try_submit(std::move(job_));
        if (submitted)
            return true;
        result_ = {.end = JobEnd::not_started,
                   .status = std::unexpected(std::move(submitted.error()))};
        return false;
    }

    /// The result, to be taken once.
    JobResult await_resume() { return std::move(result_); }

private:
    Supervisor& supervisor_;
    Job job_;
    JobResult result_{};
};

inline Supervisor::Running Supervisor::run(Job job) {
    return {*this, std::move(job)};
}

}  // namespace spawntpl
