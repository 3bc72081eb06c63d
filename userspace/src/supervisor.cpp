// SPDX-License-Identifier: MIT
#include "event_loop.hpp"
#include "running_job.hpp"

#include <spawntpl/supervisor.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <deque>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sched.h>

namespace spawntpl {

namespace {

using detail::Clock;
using detail::Event;
using detail::EventLoop;
using detail::RunningJob;
using detail::Token;

constexpr Token watch_bit = Token{1} << 63;

std::size_t usable_cpus() {
    cpu_set_t cpus;
    int count = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    return static_cast<std::size_t>(std::max(count, 1));
}

bool is_shortage(const Error& error) {
    int code = error.code.value();
    return code == EAGAIN || code == ENOMEM || code == EMFILE || code == ENFILE;
}

Error job_error(const Job& job, int error, std::string detail) {
    return {.code = {error, std::generic_category()},
            .step = Step::supervise,
            .path = job.program.program(),
            .detail = std::move(detail)};
}

}  // namespace

class Supervisor::State {
public:
    State(const SupervisorOptions& options, std::unique_ptr<EventLoop> loop)
        : options_(options), loop_(std::move(loop)) {
        if (options_.max_running == 0)
            options_.max_running = 2 * usable_cpus();
        auto& delay = options_.start_retry.first_delay;
        delay = std::max(delay, std::chrono::milliseconds(1));
        retry_delay_ = delay;
    }

    ~State() {
        queue_.clear();
        watches_.clear();
        for (auto& [id, running] : running_) {
            running.job().on_output = [](JobId, int, std::string_view) {};
            running.job().on_end = {};
        }
        cancel_all(&options_.at_end);
        while (occupied_ > 0)
            if (!wait(Clock::time_point::max()))
                break;
    }

    /// Whether this is a process that a fork() of the owner made.
    bool is_foreign() const { return getpid() != owner_; }

    bool full() const {
        std::size_t free = may_start() ? options_.max_running - occupied_ : 0;
        return queue_.size() >= free && queue_.size() - free >= options_.max_queued;
    }

    /// Whether a callback is being called.
    bool is_handling() const { return handling_; }

    JobId submit(Job job) {
        JobId id = ++last_id_;
        results_to_come_ += !job.on_end;
        queue_.push_back({id, std::move(job)});
        if (!handling_)
            start_queued();
        return id;
    }

    /// Whether a result for take() may come.
    bool expects_result() const { return results_to_come_ > 0; }

    std::optional<JobResult> take() {
        if (results_.empty())
            return std::nullopt;
        JobResult result = std::move(results_.front());
        results_.pop_front();
        return result;
    }

    Result<void> turn(Clock::time_point until) {
        Handling handling(*this);
        start_queued();
        bool idle = occupied_ == 0 && queue_.empty() && watches_.empty();
        bool ended = !results_.empty() || !callbacks_.empty();
        if (auto waited = wait(idle || ended ? Clock::now() : until); !waited)
            return waited;
        start_queued();
        call_back();
        return {};
    }

    bool cancel(JobId id, const StopPolicy* policy) {
        auto queued = std::ranges::find(queue_, id, &Queued::id);
        if (queued != queue_.end()) {
            end_queued(queued, JobEnd::cancelled,
                       job_error(queued->job, ECANCELED, "before its start"));
            return true;
        }
        auto found = running_.find(id);
        if (found == running_.end() || !found->second.is_active())
            return false;
        RunningJob& running = found->second;
        forget_deadline(running, id);
        running.stop(JobEnd::cancelled, policy ? *policy : running.job().stop);
        note_deadline(running, id);
        collect(found);
        return true;
    }

    void cancel_all(const StopPolicy* policy) {
        std::vector<JobId> ids;
        for (const Queued& queued : queue_)
            ids.push_back(queued.id);
        for (const auto& [id, running] : running_)
            ids.push_back(id);
        std::ranges::sort(ids);
        for (JobId id : ids)
            cancel(id, policy);
    }

    Result<WatchId> watch(int fd, std::function<void()> callback) {
        WatchId id = ++last_watch_;
        if (auto awaited = loop_->await_readable(watch_bit | id, fd); !awaited)
            return std::unexpected(std::move(awaited.error()));
        watches_.emplace(id, std::move(callback));
        return id;
    }

    void forget(WatchId id) {
        if (watches_.erase(id) > 0)
            loop_->cancel(watch_bit | id);
    }

    std::size_t running() const { return occupied_; }

    std::size_t queued() const { return queue_.size(); }

    std::string_view event_loop() const { return loop_->name(); }

private:
    struct Queued {
        JobId id;
        Job job;
        unsigned retries = 0;          ///< of the start
        unsigned lonely_failures = 0;  ///< those with no other child running
    };

    struct Callback {
        std::function<void(JobResult)> function;
        JobResult result;
    };

    /// While callbacks may run, what they submit is not started: that could call further ones.
    struct Handling {
        explicit Handling(State& state)
            : state(state), outer(std::exchange(state.handling_, true)) {}
        Handling(const Handling&) = delete;
        ~Handling() { state.handling_ = outer; }

        State& state;
        bool outer;
    };

    using Place = std::unordered_map<JobId, RunningJob>::iterator;

    bool may_start() const {
        return occupied_ < options_.max_running &&
               (retry_at_ == Clock::time_point() || Clock::now() >= retry_at_);
    }

    void start_queued() {
        while (!queue_.empty() && may_start())
            if (!start(queue_.front()))
                break;
    }

    /// False if it has to wait, at the head of the queue.
    bool start(Queued& queued) {
        Clock::time_point now = Clock::now();
        auto child = queued.job.program.spawn(queued.job.command);
        if (!child && is_shortage(child.error()) && retry_later(queued))
            return false;

        JobResult result{.id = queued.id, .start_retries = queued.retries};
        retry_delay_ = options_.start_retry.first_delay;
        if (!child) {
            end_queued(queue_.begin(), JobEnd::not_started, std::move(child.error()));
            return true;
        }
        Job job = std::move(queued.job);
        JobId id = queued.id;
        queue_.pop_front();
        run(id, std::move(job), std::move(*child), std::move(result), now);
        return true;
    }

    void run(JobId id, Job job, Child child, JobResult result, Clock::time_point started) {
        // Until somebody waits for it, nothing that throws may leave it behind.
        child.stop_at_end(StopPolicy::killing());
        auto place = running_
                         .try_emplace(id, std::move(job), std::move(child), std::move(result),
                                      started, *loop_, id << RunningJob::token_bits)
                         .first;
        RunningJob& running = place->second;
        ++occupied_;
        running.watch();
        running.child().stop_at_end({});
        note_deadline(running, id);
        if (running.is_active() && running.job().on_start) {
            Handling handling(*this);
            running.job().on_start(id, running.child());
        }
        collect(place);
    }

    bool retry_later(Queued& queued) {
        const StartRetry& retry = options_.start_retry;
        if (occupied_ == 0 && queued.lonely_failures >= retry.attempts)
            return false;
        if (retry.attempts == 0)
            return false;
        queued.lonely_failures += occupied_ == 0;
        ++queued.retries;
        retry_at_ = detail::after(retry_delay_);
        retry_delay_ = std::min(2 * retry_delay_, retry.longest_delay);
        return true;
    }

    void end_queued(std::deque<Queued>::iterator queued, JobEnd end, Error error) {
        JobResult result{.id = queued->id,
                         .end = end,
                         .status = std::unexpected(std::move(error)),
                         .start_retries = queued->retries};
        auto on_end = std::move(queued->job.on_end);
        queue_.erase(queued);
        deliver(std::move(result), std::move(on_end));
    }

    void deliver(JobResult result, std::function<void(JobResult)> on_end) {
        if (on_end) {
            callbacks_.push_back({std::move(on_end), std::move(result)});
        } else {
            --results_to_come_;
            results_.push_back(std::move(result));
        }
    }

    /// Waits, and handles the events and deadlines of jobs and descriptors.
    Result<void> wait(Clock::time_point until) {
        Handling handling(*this);
        // Some are left where a callback threw an exception.
        if (next_event_ == events_.size()) {
            events_.clear();
            next_event_ = 0;
            if (!deadlines_.empty())
                until = std::min(until, deadlines_.begin()->first);
            if (!queue_.empty() && occupied_ < options_.max_running)
                until = std::min(until, retry_at_);
            if (auto waited = loop_->wait(until, events_); !waited)
                return waited;
        }
        while (next_event_ < events_.size())
            handle(events_[next_event_++]);
        while (!deadlines_.empty() && deadlines_.begin()->first <= Clock::now())
            change(running_.find(deadlines_.begin()->second), &RunningJob::expire);
        return {};
    }

    void handle(const Event& event) {
        if (event.token & watch_bit) {
            auto watch = watches_.extract(event.token & ~watch_bit);
            if (!watch.empty())
                watch.mapped()();
            return;
        }
        auto found = running_.find(event.token >> RunningJob::token_bits);
        if (found != running_.end())
            change(found, [&](RunningJob& running) { running.handle(event); });
    }

    /// Lets something happen to a job.
    void change(Place place, const auto& function) {
        auto& [id, running] = *place;
        forget_deadline(running, id);
        try {
            std::invoke(function, running);
        } catch (...) {
            note_deadline(running, id);
            throw;
        }
        note_deadline(running, id);
        collect(place);
    }

    void forget_deadline(const RunningJob& running, JobId id) {
        if (running.deadline() != Clock::time_point::max())
            deadlines_.erase({running.deadline(), id});
    }

    void note_deadline(const RunningJob& running, JobId id) {
        if (running.deadline() != Clock::time_point::max())
            deadlines_.insert({running.deadline(), id});
    }

    /// Takes what is there of a job: its result, and itself when it is over.
    void collect(Place place) {
        auto& [id, running] = *place;
        if (running.has_result()) {
            --occupied_;
            retry_at_ = {};
            deliver(running.take_result(), std::move(running.job().on_end));
        }
        if (running.is_over())
            running_.erase(place);
    }

    void call_back() {
        while (!callbacks_.empty()) {
            Callback callback = std::move(callbacks_.front());
            callbacks_.pop_front();
            callback.function(std::move(callback.result));
        }
    }

    const pid_t owner_ = getpid();
    SupervisorOptions options_;
    std::unique_ptr<EventLoop> loop_;
    JobId last_id_ = 0;
    WatchId last_watch_ = 0;
    std::deque<Queued> queue_;
    std::unordered_map<JobId, RunningJob> running_;
    std::size_t occupied_ = 0;         ///< those of running_ that still have a result to come
    std::size_t results_to_come_ = 0;  ///< that are for take()
    std::set<std::pair<Clock::time_point, JobId>> deadlines_;
    std::unordered_map<WatchId, std::function<void()>> watches_;
    std::vector<Event> events_;
    std::size_t next_event_ = 0;
    std::deque<JobResult> results_;
    std::deque<Callback> callbacks_;
    Clock::time_point retry_at_{};
    std::chrono::milliseconds retry_delay_;
    bool handling_ = false;
};

Supervisor::Supervisor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Supervisor::Supervisor(Supervisor&& other) noexcept = default;

Supervisor& Supervisor::operator=(Supervisor&& other) noexcept {
    Supervisor replaced(std::move(*this));
    state_ = std::move(other.state_);
    return *this;
}

Supervisor::~Supervisor() {
    // In a copy made by fork() the children, the ring and the epoll are still the parent's.
    if (state_ && state_->is_foreign())
        static_cast<void>(state_.release());
}

Result<Supervisor> Supervisor::create(const SupervisorOptions& options) {
    const char* forced = secure_getenv("SPAWNTPL_EVENT_LOOP");
    auto loop = detail::make_event_loop(options.event_loop.empty() && forced
                                            ? std::string_view(forced)
                                            : std::string_view(options.event_loop));
    if (!loop)
        return std::unexpected(std::move(loop.error()));
    return Supervisor(std::make_unique<State>(options, std::move(*loop)));
}

Result<JobId> Supervisor::submit(Job job) {
    while (full()) {
        if (state_->is_handling())
            return std::unexpected(job_error(job, EDEADLK, "a callback must not wait"));
        if (auto turned = turn(); !turned)
            return std::unexpected(std::move(turned.error()));
    }
    return state_->submit(std::move(job));
}

Result<JobId> Supervisor::try_submit(Job job) {
    if (full())
        return std::unexpected(job_error(job, EAGAIN, "the queue is full"));
    return state_->submit(std::move(job));
}

bool Supervisor::full() const {
    return state_->full();
}

Result<std::optional<JobResult>> Supervisor::next() {
    return next_until(Clock::time_point::max());
}

Result<std::optional<JobResult>> Supervisor::next_until(Clock::time_point time) {
    while (true) {
        auto result = take();
        if (result || !state_->expects_result())
            return result;
        if (auto turned = turn(time); !turned)
            return std::unexpected(std::move(turned.error()));
        if (Clock::now() >= time)
            return take();
    }
}

std::optional<JobResult> Supervisor::take() {
    return state_->take();
}

Result<void> Supervisor::turn(std::optional<Clock::time_point> time) {
    return state_->turn(time.value_or(Clock::time_point::max()));
}

bool Supervisor::cancel(JobId id) {
    return state_->cancel(id, nullptr);
}

bool Supervisor::cancel(JobId id, const StopPolicy& policy) {
    return state_->cancel(id, &policy);
}

void Supervisor::cancel_all() {
    state_->cancel_all(nullptr);
}

void Supervisor::cancel_all(const StopPolicy& policy) {
    state_->cancel_all(&policy);
}

Result<Supervisor::WatchId> Supervisor::when_readable(int fd, std::function<void()> callback) {
    return state_->watch(fd, std::move(callback));
}

void Supervisor::forget(WatchId id) {
    state_->forget(id);
}

std::size_t Supervisor::running() const {
    return state_->running();
}

std::size_t Supervisor::queued() const {
    return state_->queued();
}

std::string_view Supervisor::event_loop() const {
    return state_->event_loop();
}

}  // namespace spawntpl
