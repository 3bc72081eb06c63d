// SPDX-License-Identifier: MIT
#include "map_run.hpp"

#include "map_output.hpp"
#include "map_progress.hpp"
#include "map_signals.hpp"

#include <spawntpl/spawntpl.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <deque>
#include <iostream>
#include <map>
#include <utility>

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

namespace spawntpl::tools {

namespace {

// Jobs that have ended but whose output has to wait for that of earlier ones.
constexpr std::size_t most_unprinted = 1000;

constexpr std::size_t most_listed = 10;

/// One line of the input, and what became of it so far.
struct Task {
    std::uint64_t number = 0;
    std::vector<std::string> args{};
    unsigned attempts = 0;
    unsigned start_retries = 0;
    bool started = false;
    KeptOutput out{};
    KeptOutput err{};
    int output_error = 0;
};

double seconds(auto duration) {
    return std::chrono::duration<double>(duration).count();
}

std::string_view to_string(JobEnd end) {
    switch (end) {
    case JobEnd::ended:
        return "ended";
    case JobEnd::timed_out:
        return "timed_out";
    case JobEnd::cancelled:
        return "cancelled";
    case JobEnd::not_started:
        return "not_started";
    }
    return "unknown";
}

std::string json_line(const Task& task, const JobResult& result) {
    nlohmann::ordered_json line;
    line["job"] = task.number;
    line["args"] = task.args;
    line["end"] = to_string(result.end);
    auto code = result.status ? result.status->code() : std::nullopt;
    auto signal = result.status ? result.status->signal() : std::nullopt;
    line["exit"] = code ? nlohmann::ordered_json(*code) : nullptr;
    line["signal"] = signal ? nlohmann::ordered_json(*signal) : nullptr;
    line["duration"] = seconds(result.duration);
    if (result.usage) {
        line["user"] = seconds(result.usage->user_time);
        line["system"] = seconds(result.usage->system_time);
        line["max_rss"] = result.usage->max_rss;
    }
    if (result.pid > 0)
        line["backend"] = result.backend;
    line["attempts"] = task.attempts;
    line["start_retries"] = task.start_retries;
    if (!result.status)
        line["error"] = result.status.error().message();
    // Arguments are any bytes, JSON is not.
    return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

class Map {
public:
    Map(const MapOptions& options, const MapCommand& command, MapInput& input,
        const EndSignals& signals, Supervisor supervisor)
        : options_(options),
          command_(command),
          input_(input),
          signals_(signals),
          supervisor_(std::move(supervisor)),
          progress_(options.progress && isatty(STDERR_FILENO) && !options.ungroup) {
        template_command_.inherit_fds().signal_mask(signals.saved_mask());
        // Opened once, not for each job.
        if (null_)
            template_command_.fd(STDIN_FILENO, null_.get());
        else
            template_command_.null(STDIN_FILENO);
        if (options_.ungroup && options_.json)
            template_command_.fd(STDOUT_FILENO, STDERR_FILENO);
        else if (!options_.ungroup)
            template_command_.pipe_from_child(STDOUT_FILENO).pipe_from_child(STDERR_FILENO);
        make_room_for_descriptors();
    }

    int run() {
        if (auto name = command_.program())
            if (auto opened = open_program(*name); !opened)
                return complain(opened.error());
        watch_signals();
        while (true) {
            submit();
            await_input();
            if (tasks_.empty() && waiting_again() == 0 && (is_stopping() || input_.at_end()))
                break;
            if (auto turned = supervisor_.turn(progress_.next()); !turned) {
                complain(turned.error().message());
                stop(map_failed, StopPolicy::killing());
                break;
            }
            while (auto result = supervisor_.take())
                handle(std::move(*result));
            if (options_.json)
                flush_results();
            progress_.show(counts());
        }
        if (options_.json)
            flush_results();
        progress_.clear();
        report();
        return exit_status();
    }

    /// That interrupted it, or 0.
    int signal() const { return signal_; }

private:
    bool is_stopping() const { return stop_status_ != 0; }

    std::size_t waiting_again() const { return is_stopping() ? 0 : again_.size(); }

    // --- starting jobs --------------------------------------------------------------------------

    Result<void> open_program(const std::string& name) {
        if (program_ && program_name_ == name)
            return {};
        auto opened =
            Template::open(name, {.backend = options_.backend, .env = Environment::current()});
        if (!opened)
            return std::unexpected(std::move(opened.error()));
        program_ = std::move(*opened);
        program_name_ = name;
        return {};
    }

    /// Each job needs some descriptors here; its own limit stays what it was.
    void make_room_for_descriptors() {
        rlimit limit{};
        // What is kept to be printed in order may be in two files for each job.
        rlim_t kept = options_.keep_order ? 2 * (most_unprinted + options_.jobs) : 0;
        rlim_t needed = 4 * options_.jobs + 64 + kept;
        if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
            return;
        template_command_.limit(RLIMIT_NOFILE, limit.rlim_cur, limit.rlim_max);
        limit.rlim_cur = std::min(needed, limit.rlim_max);
        setrlimit(RLIMIT_NOFILE, &limit);
    }

    bool may_submit() const {
        return !is_stopping() && !supervisor_.full() &&
               (unprinted_.size() < most_unprinted || !again_.empty());
    }

    void submit() {
        while (may_submit())
            if (!again_.empty()) {
                Task task = std::move(again_.front());
                again_.pop_front();
                submit(std::move(task));
            } else if (auto args = input_.next()) {
                submit(Task{.number = ++last_number_, .args = std::move(*args)});
            } else {
                return;
            }
    }

    void await_input() {
        if (awaits_input_ || is_stopping() || !input_.wants_more())
            return;
        auto watched = supervisor_.when_readable(input_.fd(), [this] {
            awaits_input_ = false;
            input_.read();
        });
        awaits_input_ = watched.has_value();
        if (!watched) {
            complain(watched.error().message());
            stop(map_failed, stop_policy());
        }
    }

    void submit(Task task) {
        ++task.attempts;
        std::vector<std::string> words = command_.words(task.args, task.number);
        if (auto opened = open_program(words.front()); !opened) {
            JobResult result{.end = JobEnd::not_started,
                             .status = std::unexpected(std::move(opened.error()))};
            finish(std::move(task), result, true);
            return;
        }
        words.erase(words.begin());
        Job job{.program = *program_,
                .command = template_command_,
                .time_limit = options_.time_limit,
                .stop = stop_policy()};
        job.command.args(std::move(words));
        job.on_start = [this](JobId id, Child&) { tasks_.at(id).started = true; };
        if (!options_.ungroup)
            job.on_output = [this](JobId id, int target, std::string_view bytes) {
                keep(tasks_.at(id), target, bytes);
            };
        // Its number is known before it starts.
        JobId expected = ++last_id_;
        tasks_.emplace(expected, std::move(task));
        if (auto id = supervisor_.submit(std::move(job)); !id) {
            tasks_.erase(expected);
            complain(id.error().message());
            stop(map_failed, stop_policy());
        }
    }

    static void keep(Task& task, int target, std::string_view bytes) {
        KeptOutput& output = target == STDOUT_FILENO ? task.out : task.err;
        if (task.output_error == 0)
            task.output_error = output.append(bytes);
    }

    // --- their ends -----------------------------------------------------------------------------

    void handle(JobResult result) {
        auto node = tasks_.extract(result.id);
        Task task = std::move(node.mapped());
        task.start_retries += result.start_retries;
        start_retries_ += result.start_retries;
        notice_interruption(result);
        if (was_stopped(result)) {
            (task.started ? stopped_ : not_started_).push_back(task.number);
            if (task.started)
                finish(std::move(task), result, false);
        } else if (!succeeded(task, result) && task.attempts <= options_.retries &&
                   !is_stopping()) {
            again_.push_back({.number = task.number,
                              .args = std::move(task.args),
                              .attempts = task.attempts,
                              .start_retries = task.start_retries});
        } else {
            finish(std::move(task), result, true);
        }
    }

    static bool ended_by_signal(const JobResult& result) {
        return result.status ? result.status->signal().has_value()
                             : result.status.error().code == std::errc::interrupted;
    }

    /// A terminal sends its signals to the jobs, too. That the end of one is seen first must not
    /// make a failure of it.
    void notice_interruption(const JobResult& result) {
        if (!ended_by_signal(result))
            return;
        if (int signal = signals_.take(); signal != 0)
            interrupted(signal);
    }

    /// Whether the job ended because all end.
    bool was_stopped(const JobResult& result) const {
        bool by_same_signal = signal_ != 0 && ended_by_signal(result) &&
                              (!result.status || result.status->signal() == signal_);
        return is_stopping() && (result.end == JobEnd::cancelled || by_same_signal);
    }

    static bool succeeded(const Task& task, const JobResult& result) {
        return result.status && result.status->success() && result.end == JobEnd::ended &&
               task.output_error == 0;
    }

    void finish(Task task, const JobResult& result, bool counts) {
        if (counts) {
            ++done_;
            if (!succeeded(task, result))
                job_failed(task, result);
        }
        if (options_.json)
            results_ += json_line(task, result);
        if (!options_.keep_order)
            print(task);
        else
            print_in_order(std::move(task));
    }

    void job_failed(const Task& task, const JobResult& result) {
        ++failed_;
        if (task.output_error != 0)
            complain("cannot keep the output of job " + std::to_string(task.number) + ": " +
                     strerror(task.output_error));
        else if (!result.status)
            complain("job " + std::to_string(task.number) + ": " + result.status.error().message());
        else if (result.end == JobEnd::timed_out)
            complain("job " + std::to_string(task.number) + ": time limit");
        if (options_.halt == Halt::never || is_stopping())
            return;
        complain("job " + std::to_string(task.number) + " failed; no further one is started");
        if (options_.halt == Halt::now)
            stop(halted, stop_policy());
        else
            stop_soon(halted);
    }

    void print(const Task& task) {
        progress_.clear();
        int error = task.out.write_to(options_.json ? STDERR_FILENO : STDOUT_FILENO);
        if (error == 0)
            error = task.err.write_to(STDERR_FILENO);
        output_failed(error);
    }

    void print_in_order(Task task) {
        unprinted_.emplace(task.number, std::move(task));
        while (!unprinted_.empty() && unprinted_.begin()->first == next_printed_) {
            print(unprinted_.begin()->second);
            unprinted_.erase(unprinted_.begin());
            ++next_printed_;
        }
    }

    void flush_results() { output_failed(write_all(STDOUT_FILENO, std::exchange(results_, {}))); }

    void output_failed(int error) {
        if (error == 0 || output_failed_)
            return;
        output_failed_ = true;
        if (error == EPIPE)
            signal_ = SIGPIPE;
        else
            complain(std::string("cannot write the output: ") + strerror(error));
        stop(map_failed, stop_policy());
    }

    // --- stopping -------------------------------------------------------------------------------

    StopPolicy stop_policy() const {
        return {.terminate = options_.stop_time,
                .kill = std::chrono::milliseconds::max(),
                .tree = true};
    }

    void watch_signals() {
        auto watched = supervisor_.when_readable(signals_.fd(), [this] {
            if (int signal = signals_.take(); signal != 0)
                interrupted(signal);
            watch_signals();
        });
        if (!watched)
            complain(watched.error().message());
    }

    void interrupted(int signal) {
        bool again = std::exchange(signal_, signal) != 0;
        stop(map_failed, again ? StopPolicy{.kill = std::chrono::milliseconds::max(), .tree = true}
                               : stop_policy());
    }

    void stop(int status, const StopPolicy& policy) {
        stop_status_ = status;
        supervisor_.cancel_all(policy);
    }

    /// Lets end what runs.
    void stop_soon(int status) {
        stop_status_ = status;
        for (const auto& [id, task] : tasks_)
            if (!task.started)
                supervisor_.cancel(id);
    }

    // --- what people see ------------------------------------------------------------------------

    Progress::Counts counts() const {
        return {.done = done_,
                .failed = failed_,
                .running = supervisor_.running(),
                .total = input_.total()};
    }

    void complain(const std::string& text) {
        progress_.clear();
        write_all(STDERR_FILENO, "spawntpl map: " + text + "\n");
    }

    int complain(const Error& error) {
        complain(error.message());
        return error.code.value() == ENOENT ? not_found : cannot_execute;
    }

    static std::string listed(std::vector<std::uint64_t> numbers) {
        std::ranges::sort(numbers);
        std::string text;
        for (std::size_t i = 0; i < std::min(numbers.size(), most_listed); ++i)
            text.append(i == 0 ? " (" : ", ").append(std::to_string(numbers[i]));
        if (!text.empty())
            text += numbers.size() > most_listed ? ", ...)" : ")";
        return text;
    }

    void report() {
        // What was waiting for earlier jobs that will not come any more.
        for (const auto& [number, task] : unprinted_)
            print(task);
        if (start_retries_ > 0)
            complain("a shortage of processes, memory or descriptors delayed starts " +
                     std::to_string(start_retries_) + " times");
        if (!input_.error().empty())
            complain(input_.error());
        if (!is_stopping())
            return;
        for (const Task& task : again_)
            not_started_.push_back(task.number);
        std::string why = signal_ != 0 ? std::string("interrupted by ") + sigdescr_np(signal_)
                                       : std::string("stopped early");
        complain(why + ": " + std::to_string(done_) + " jobs done, " + std::to_string(failed_) +
                 " of them failed; " + std::to_string(stopped_.size()) + " ended" +
                 listed(stopped_) + "; " + std::to_string(not_started_.size()) + " not started" +
                 listed(not_started_) + rest_of_input());
    }

    std::string rest_of_input() const {
        if (input_.at_end())
            return {};
        std::string text = "; the input after job " + std::to_string(last_number_) + " not used";
        if (auto total = input_.total(); total && input_.error().empty())
            text += " (" + std::to_string(*total - last_number_) + " jobs)";
        return text;
    }

    int exit_status() const {
        if (stop_status_ != 0)
            return stop_status_;
        if (!input_.error().empty())
            return map_failed;
        return failed_ > 0 ? some_job_failed : 0;
    }

    const MapOptions& options_;
    const MapCommand& command_;
    MapInput& input_;
    const EndSignals& signals_;
    Supervisor supervisor_;
    Progress progress_;

    Fd null_{open("/dev/null", O_RDONLY | O_CLOEXEC)};
    Command template_command_;
    std::optional<Template> program_;
    std::string program_name_;
    bool awaits_input_ = false;

    std::uint64_t last_number_ = 0;
    JobId last_id_ = 0;
    std::map<JobId, Task> tasks_;
    std::deque<Task> again_;

    std::map<std::uint64_t, Task> unprinted_;
    std::uint64_t next_printed_ = 1;
    std::string results_;
    bool output_failed_ = false;

    std::uint64_t done_ = 0;
    std::uint64_t failed_ = 0;
    std::uint64_t start_retries_ = 0;
    std::vector<std::uint64_t> stopped_;
    std::vector<std::uint64_t> not_started_;
    int stop_status_ = 0;
    int signal_ = 0;
};

}  // namespace

int run_map(const MapOptions& options, const MapCommand& command, MapInput& input) {
    int status;
    int signal_number;
    {
        EndSignals signals;
        // No queue: after a failure it may be that no other job is to be started.
        auto supervisor = Supervisor::create(
            {.max_running = options.jobs, .max_queued = 0, .start_retry = {.attempts = 10}});
        if (!supervisor) {
            std::cerr << "spawntpl map: " << supervisor.error().message() << '\n';
            return map_failed;
        }
        Map map(options, command, input, signals, std::move(*supervisor));
        status = map.run();
        signal_number = map.signal();
    }
    if (signal_number != 0)
        die_by(signal_number);
    return status;
}

}  // namespace spawntpl::tools
