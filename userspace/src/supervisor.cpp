// SPDX-License-Identifier: MIT
#include "event_loop.hpp"
#include "running_job.hpp"

#include <spawntpl/supervisor.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <deque>
#include <functional>
#include <list>
#include <new>
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
        for (auto& [id, running] : running_)
            running.job.job().on_output = [](JobId, int, std::string_view) {};
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

    /// If memory runs out here, nothing was submitted; after it, every job has its result.
    JobId submit(Job job) {
        std::list<End> end(1);
        end.front().result.id = last_id_ + 1;
        end.front().callback = std::move(job.on_end);
        const bool for_take = !end.front().callback;
        queue_.push_back({std::move(job), std::move(end)});
        results_to_come_ += for_take;
        JobId id = ++last_id_;
        if (!handling_)
            start_queued();
        return id;
    }

    /// Whether a result for take() may come.
    bool expects_result() const { return results_to_come_ > 0; }

    std::optional<JobResult> take() {
        if (results_.empty())
            return std::nullopt;
        JobResult result = std::move(results_.front().result);
        results_.pop_front();
        return result;
    }

    Result<void> turn(Clock::time_point until) {
        Handling handling(*this);
        start_queued();
        bool idle = occupied_ == 0 && queue_.empty() && watches_.empty();
        bool ended = !results_.empty() || !ended_.empty();
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
        if (found == running_.end() || !found->second.job.is_active())
            return false;
        change(found, [&](RunningJob& running) {
            running.stop(JobEnd::cancelled, policy ? *policy : running.job().stop);
        });
        return true;
    }

    void cancel_all(const StopPolicy* policy) {
        std::vector<JobId> ids;
        for (const Queued& queued : queue_)
            ids.push_back(queued.id());
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
    /// What is to be told of a job in the end. It is made with the submission and handed on from
    /// list to list, so that it cannot get lost where memory runs out.
    struct End {
        JobResult result;
        std::function<void(JobResult)> callback;  ///< Job::on_end
    };

    struct Queued {
        Job job;
        std::list<End> end;            ///< one
        unsigned lonely_failures = 0;  ///< of the start, with no other child running

        JobId id() const { return end.front().result.id; }
    };

    using Deadlines = std::set<std::pair<Clock::time_point, JobId>>;

    struct Running {
        RunningJob job;
        std::list<End> end;             ///< one, until the result was delivered
        Deadlines::node_type deadline;  ///< empty while it is in deadlines_
        Clock::time_point noted{};      ///< the time of it there
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

    using Place = std::unordered_map<JobId, Running>::iterator;

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
        auto child = spawn(queued.job);
        if (!child && is_shortage(child.error()) && retry_later(queued))
            return false;

        retry_delay_ = options_.start_retry.first_delay;
        if (!child) {
            end_queued(queue_.begin(), JobEnd::not_started, std::move(child.error()));
            return true;
        }
        Queued started = std::move(queued);
        queue_.pop_front();
        run(std::move(started), std::move(*child), now);
        return true;
    }

    static Result<Child> spawn(const Job& job) {
        try {
            return job.program.spawn(job.command);
        } catch (const std::bad_alloc&) {
            return std::unexpected(detail::watch_error(ENOMEM));
        }
    }

    void run(Queued queued, Child child, Clock::time_point started) {
        JobId id = queued.id();
        Place place;
        try {
            place = begin(id, queued, child, started);
        } catch (const std::bad_alloc&) {
            // The child is gone with what was made for it.
            end_with(JobEnd::not_started, detail::watch_error(ENOMEM), std::move(queued.end));
            return;
        }
        ++occupied_;
        place->second.end = std::move(queued.end);
        RunningJob& running = place->second.job;
        running.watch();
        running.child().stop_at_end({});
        note_deadline(place);
        if (running.is_active() && running.job().on_start) {
            Handling handling(*this);
            running.job().on_start(id, running.child());
        }
        collect(place);
    }

    Place begin(JobId id, Queued& queued, Child& child, Clock::time_point started) {
        // Until somebody waits for it, nothing that throws may leave it behind.
        child.stop_at_end(StopPolicy::killing());
        Deadlines one{{Clock::time_point::max(), id}};
        RunningJob job(std::move(queued.job), std::move(child), queued.end.front().result, started,
                       *loop_, id << RunningJob::token_bits);
        return running_.try_emplace(id, std::move(job), std::list<End>(), one.extract(one.begin()))
            .first;
    }

    bool retry_later(Queued& queued) {
        const StartRetry& retry = options_.start_retry;
        if (occupied_ == 0 && queued.lonely_failures >= retry.attempts)
            return false;
        if (retry.attempts == 0)
            return false;
        queued.lonely_failures += occupied_ == 0;
        ++queued.end.front().result.start_retries;
        retry_at_ = detail::after(retry_delay_);
        retry_delay_ = std::min(2 * retry_delay_, retry.longest_delay);
        return true;
    }

    void end_queued(std::deque<Queued>::iterator queued, JobEnd end, Error error) {
        std::list<End> told = std::move(queued->end);
        queue_.erase(queued);
        end_with(end, std::move(error), std::move(told));
    }

    void end_with(JobEnd end, Error error, std::list<End> told) {
        told.front().result.end = end;
        told.front().result.status = std::unexpected(std::move(error));
        deliver(std::move(told));
    }

    void deliver(std::list<End> end) {
        if (end.front().callback) {
            ended_.splice(ended_.end(), end);
        } else {
            --results_to_come_;
            results_.splice(results_.end(), end);
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
        forget_deadline(place);
        try {
            std::invoke(function, place->second.job);
        } catch (...) {
            note_deadline(place);
            throw;
        }
        note_deadline(place);
        collect(place);
    }

    void forget_deadline(Place place) {
        auto& [id, running] = *place;
        if (running.deadline.empty())
            running.deadline = deadlines_.extract({running.noted, id});
    }

    void note_deadline(Place place) {
        // A callback may have done it already, by cancelling the job.
        forget_deadline(place);
        Running& running = place->second;
        running.noted = running.job.deadline();
        if (running.noted == Clock::time_point::max())
            return;
        running.deadline.value().first = running.noted;
        deadlines_.insert(std::move(running.deadline));
    }

    /// Takes what is there of a job: its result, and itself when it is over.
    void collect(Place place) {
        Running& running = place->second;
        if (running.job.has_result()) {
            --occupied_;
            retry_at_ = {};
            running.end.front().result = running.job.take_result();
            deliver(std::move(running.end));
        }
        if (running.job.is_over())
            running_.erase(place);
    }

    void call_back() {
        while (!ended_.empty()) {
            std::list<End> first;
            first.splice(first.begin(), ended_, ended_.begin());
            first.front().callback(std::move(first.front().result));
        }
    }

    const pid_t owner_ = getpid();
    SupervisorOptions options_;
    std::unique_ptr<EventLoop> loop_;
    JobId last_id_ = 0;
    WatchId last_watch_ = 0;
    std::deque<Queued> queue_;
    std::unordered_map<JobId, Running> running_;
    std::size_t occupied_ = 0;         ///< those of running_ that still have a result to come
    std::size_t results_to_come_ = 0;  ///< that are for take()
    Deadlines deadlines_;
    std::unordered_map<WatchId, std::function<void()>> watches_;
    std::vector<Event> events_;
    std::size_t next_event_ = 0;
    std::list<End> results_;  ///< for take()
    std::list<End> ended_;    ///< for their callbacks
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
