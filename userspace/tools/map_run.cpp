// SPDX-License-Identifier: MIT
#include "map_run.hpp"

#include "inherited_fds.hpp"
#include "map_printer.hpp"
#include "map_signals.hpp"
#include "map_tally.hpp"
#include "map_task.hpp"
#include "program_status.hpp"

#include <spawntpl/spawntpl.hpp>

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

// How long the end waits for a reader that does not read.
constexpr auto last_patience = std::chrono::seconds(1);

class Map {
public:
    Map(const MapOptions& options, const MapCommand& command, MapInput& input,
        const EndSignals& signals, Supervisor supervisor)
        : options_(options),
          command_(command),
          input_(input),
          signals_(signals),
          supervisor_(std::move(supervisor)) {
        template_command_.signal_mask(signals.saved_mask());
        pass_descriptors_on();
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
            if (auto opened = open_program(*name); !opened) {
                printer_.complain(opened.error().message());
                return program_status(opened.error());
            }
        watch_signals();
        while (true) {
            submit();
            await_input();
            if (tasks_.empty() && waiting_again() == 0 && (is_stopping() || input_.at_end()))
                break;
            if (auto turned = supervisor_.turn(printer_.next_progress()); !turned) {
                printer_.complain(turned.error().message());
                stop(own_failure, StopPolicy::killing());
                break;
            }
            handle_results();
            printer_.flush();
            look_at_output();
            printer_.show_progress(counts());
        }
        printer_.finish();
        look_at_output();
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
        auto opened = Template::open(name, {.backend = options_.backend,
                                            .warm = options_.warm ? Warm::allowed : Warm::never,
                                            .env = Environment::current()});
        if (!opened)
            return std::unexpected(std::move(opened.error()));
        program_ = std::move(*opened);
        program_name_ = name;
        return {};
    }

    /// Those that came from whoever started this program; its own are not for the jobs. Listed
    /// once, not at each start, unless they are so many that there are backends which cannot be
    /// told them.
    void pass_descriptors_on() {
        constexpr std::size_t most_named = 64;
        auto fds = inherited_fds();
        if (!fds || fds->size() > most_named) {
            template_command_.inherit_fds();
            return;
        }
        for (int fd : *fds)
            template_command_.fd(fd, fd);
    }

    /// Each job needs some descriptors here; its own limit stays what it was.
    void make_room_for_descriptors() {
        rlimit limit{};
        // What is kept to be printed in order may be in two files for each job.
        rlim_t kept = options_.keep_order ? 2 * (Printer::most_waiting + options_.jobs) : 0;
        rlim_t needed = 4 * options_.jobs + 64 + kept;
        if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
            return;
        template_command_.limit(RLIMIT_NOFILE, limit.rlim_cur, limit.rlim_max);
        limit.rlim_cur = std::min(needed, limit.rlim_max);
        setrlimit(RLIMIT_NOFILE, &limit);
    }

    bool may_submit() const {
        return !is_stopping() && !supervisor_.full() && (printer_.has_room() || !again_.empty());
    }

    void submit() {
        while (may_submit()) {
            if (!again_.empty()) {
                Task task = std::move(again_.front());
                again_.pop_front();
                submit(std::move(task));
            } else if (auto args = input_.next()) {
                submit(Task{.number = ++last_number_, .args = std::move(*args)});
            } else {
                return;
            }
            // A start may have failed.
            handle_results();
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
            printer_.complain(watched.error().message());
            stop(own_failure, stop_policy());
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
                tasks_.at(id).keep(target, bytes);
            };
        // Its number is known before it starts.
        JobId expected = ++last_id_;
        tasks_.emplace(expected, std::move(task));
        if (auto id = supervisor_.submit(std::move(job)); !id) {
            tasks_.erase(expected);
            printer_.complain(id.error().message());
            stop(own_failure, stop_policy());
        }
    }

    // --- their ends -----------------------------------------------------------------------------

    void handle_results() {
        while (auto result = supervisor_.take())
            handle(std::move(*result));
    }

    void handle(JobResult result) {
        auto node = tasks_.extract(result.id);
        Task task = std::move(node.mapped());
        task.start_retries += result.start_retries;
        tally_.start_retries += result.start_retries;
        notice_interruption(result);
        if (was_stopped(result)) {
            (task.started ? tally_.stopped : tally_.not_started).push_back(task.number);
            if (task.started)
                finish(std::move(task), result, false);
        } else if (!succeeded(task, result) && task.attempts <= options_.retries &&
                   !is_stopping() && !is_for_all_jobs(result)) {
            again_.push_back({.number = task.number,
                              .args = std::move(task.args),
                              .attempts = task.attempts,
                              .start_retries = task.start_retries});
        } else {
            finish(std::move(task), result, true);
        }
    }

    /// A terminal sends its signals to the jobs, too. That the end of one is seen first must not
    /// make a failure of it.
    void notice_interruption(const JobResult& result) {
        if (ended_by_signal(result))
            take_signal();
    }

    /// Whether the job ended because all end.
    bool was_stopped(const JobResult& result) const {
        bool by_same_signal = signal_ != 0 && ended_by_signal(result) &&
                              (!result.status || result.status->signal() == signal_);
        return is_stopping() && (result.end == JobEnd::cancelled || by_same_signal);
    }

    /// Whether the program could not be started, and all jobs have the same.
    bool is_for_all_jobs(const JobResult& result) const {
        if (result.end != JobEnd::not_started || !command_.program())
            return false;
        const Error& error = result.status.error();
        int code = error.code.value();
        bool is_shortage = code == EAGAIN || code == ENOMEM || code == EMFILE || code == ENFILE;
        bool was_killed = code == EINTR;
        return program_status(error) != own_failure && !is_shortage && !was_killed;
    }

    void finish(Task task, const JobResult& result, bool counts) {
        if (counts) {
            ++tally_.done;
            if (!succeeded(task, result))
                job_failed(task, result);
        }
        printer_.print(std::move(task), result);
    }

    void job_failed(const Task& task, const JobResult& result) {
        ++tally_.failed;
        std::string job = "job " + std::to_string(task.number);
        if (task.output_error != 0)
            printer_.complain("cannot keep the output of " + job + ": " +
                              strerror(task.output_error));
        else if (!result.status)
            printer_.complain(job + ": " + result.status.error().message());
        else if (result.end == JobEnd::timed_out)
            printer_.complain(job + ": time limit");
        if (is_stopping())
            return;
        if (is_for_all_jobs(result))
            return stop_soon(program_status(result.status.error()));
        if (options_.halt == Halt::never)
            return;
        printer_.complain(job + " failed; no further one is started");
        if (options_.halt == Halt::now)
            stop(halted, stop_policy());
        else
            stop_soon(halted);
    }

    void look_at_output() {
        if (printer_.error() == 0 || std::exchange(output_failed_, true))
            return;
        if (printer_.error() == EPIPE && signal_ == 0)
            signal_ = SIGPIPE;
        else
            printer_.complain(
                std::string("cannot write the output: ") +
                (printer_.error() == ETIMEDOUT ? "nobody reads it" : strerror(printer_.error())));
        if (!is_stopping() || signal_ == SIGPIPE)
            stop(own_failure, stop_policy());
    }

    // --- stopping -------------------------------------------------------------------------------

    StopPolicy stop_policy() const {
        return {.terminate = options_.stop_time,
                .kill = std::chrono::milliseconds::max(),
                .tree = true};
    }

    void watch_signals() {
        auto watched = supervisor_.when_readable(signals_.fd(), [this] {
            take_signal();
            watch_signals();
        });
        if (!watched)
            printer_.complain(watched.error().message());
    }

    void take_signal() {
        if (int signal = signals_.take(); signal != 0)
            interrupted(signal);
    }

    void interrupted(int signal) {
        bool again = std::exchange(signal_, signal) != 0;
        auto now = std::chrono::steady_clock::now();
        write_wait_.until = again ? now : now + last_patience;
        stop(own_failure, again ? StopPolicy{.kill = std::chrono::milliseconds::max(), .tree = true}
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
        return {.done = tally_.done,
                .failed = tally_.failed,
                .running = supervisor_.running(),
                .total = input_.total()};
    }

    void report() {
        if (tally_.start_retries > 0)
            printer_.complain("a shortage of processes, memory or descriptors delayed starts " +
                              std::to_string(tally_.start_retries) + " times");
        if (!input_.error().empty())
            printer_.complain(input_.error());
        if (!is_stopping())
            return;
        for (const Task& task : again_)
            tally_.not_started.push_back(task.number);
        std::string why = signal_ != 0 ? std::string("interrupted by ") + sigdescr_np(signal_)
                                       : std::string("stopped early");
        printer_.complain(why + ": " + tally_.text() + rest_of_input());
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
            return own_failure;
        return tally_.failed > 0 ? some_job_failed : 0;
    }

    const MapOptions& options_;
    const MapCommand& command_;
    MapInput& input_;
    const EndSignals& signals_;
    Supervisor supervisor_;
    WriteWait write_wait_{.wake_fd = signals_.fd(), .woken = [this] { take_signal(); }};
    Printer printer_{options_, write_wait_};

    Fd null_{open("/dev/null", O_RDONLY | O_CLOEXEC)};
    Command template_command_;
    std::optional<Template> program_;
    std::string program_name_;
    bool awaits_input_ = false;

    std::uint64_t last_number_ = 0;
    JobId last_id_ = 0;
    std::map<JobId, Task> tasks_;
    std::deque<Task> again_;

    Tally tally_;
    bool output_failed_ = false;
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
            return own_failure;
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
