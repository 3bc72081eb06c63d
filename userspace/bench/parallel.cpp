// SPDX-License-Identifier: MIT
#include "parallel.hpp"

#include "clock.hpp"

#include <spawntpl/spawntpl.hpp>

#include <algorithm>
#include <array>
#include <barrier>
#include <thread>

namespace spawntpl::bench {

namespace {

constexpr std::uint64_t starts_per_sample = 64;

constexpr std::array<std::string_view, 3> own_processes{"fork-thp", "python", "exec-loop"};

// A helper for each thread needs a descriptor for each.
constexpr ParentShape parent_of_many{
    .fds = 64, .rss_mib = 0, .env = 20, .mappings = 0, .threads = 1};

std::unexpected<std::string> failure(const Error& error) {
    return std::unexpected(error.message());
}

/// The time that has passed, for each of the starts.
Run share(std::int64_t begin) {
    std::int64_t each = (now() - begin) / static_cast<std::int64_t>(starts_per_sample);
    return {each, each, ExitStatus::exited(0)};
}

/// A runner for each thread. The threads live as long as this, and wait between the samples.
class ThreadsRunner : public Runner {
public:
    explicit ThreadsRunner(std::vector<std::unique_ptr<Runner>> runners)
        : runners_(std::move(runners)),
          failures_(runners_.size()),
          begin_(static_cast<std::ptrdiff_t>(runners_.size()) + 1),
          end_(static_cast<std::ptrdiff_t>(runners_.size()) + 1) {
        for (std::size_t i = 0; i < runners_.size(); ++i)
            threads_.emplace_back([this, i] { work(i); });
    }

    ~ThreadsRunner() override {
        stopping_ = true;
        begin_.arrive_and_wait();
    }

    std::expected<Run, std::string> run() override {
        std::int64_t begin = now();
        begin_.arrive_and_wait();
        end_.arrive_and_wait();
        Run all = share(begin);
        for (const std::string& text : failures_)
            if (!text.empty())
                return std::unexpected(text);
        return all;
    }

    std::string_view backend() const override { return runners_.front()->backend(); }

private:
    void work(std::size_t index) {
        for (;;) {
            begin_.arrive_and_wait();
            if (stopping_)
                return;
            for (std::uint64_t i = index; i < starts_per_sample; i += runners_.size())
                start(*runners_[index], failures_[index]);
            end_.arrive_and_wait();
        }
    }

    static void start(Runner& runner, std::string& failure) {
        auto run = runner.run();
        if (!run)
            failure = run.error();
        else if (!run->status.success())
            failure = "a child failed";
    }

    std::vector<std::unique_ptr<Runner>> runners_;
    std::vector<std::string> failures_;
    bool stopping_ = false;  // read and written on different sides of a barrier
    std::barrier<> begin_;
    std::barrier<> end_;
    std::vector<std::jthread> threads_;  // last: ended first
};

Entry in_threads(Entry entry, std::size_t threads) {
    entry.prepare = [prepare = std::move(entry.prepare),
                     threads](const Invocation& invocation) -> PreparedRunner {
        std::vector<std::unique_ptr<Runner>> runners;
        for (std::size_t i = 0; i < threads; ++i) {
            auto runner = prepare(invocation);
            if (!runner)
                return runner;
            runners.push_back(std::move(*runner));
        }
        return std::make_unique<ThreadsRunner>(std::move(runners));
    };
    return entry;
}

/// Empty, or what is wrong with a child of that backend that has ended.
std::string why_not_counted(const Result<ExitStatus>& status, std::string_view served_by,
                            std::string_view backend) {
    if (!status)
        return status.error().message();
    if (!status->success())
        return "a child failed";
    return served_by == backend ? "" : "served by another backend: " + std::string(served_by);
}

class BatchRunner : public Runner {
public:
    BatchRunner(Template program, const Command& command)
        : program_(std::move(program)), commands_(starts_per_sample, command) {}

    std::expected<Run, std::string> run() override {
        std::int64_t begin = now();
        auto children = program_.spawn_all(commands_);
        for (Result<Child>& child : children) {
            if (!child)
                return failure(child.error());
            if (auto why = why_not_counted(child->wait(), child->backend(), backend());
                !why.empty())
                return std::unexpected(why);
        }
        children.clear();
        return share(begin);
    }

    std::string_view backend() const override { return program_.backend(); }

private:
    Template program_;
    std::vector<Command> commands_;
};

class SupervisorRunner : public Runner {
public:
    SupervisorRunner(Supervisor supervisor, Template program, Command command)
        : supervisor_(std::move(supervisor)),
          program_(std::move(program)),
          command_(std::move(command)) {}

    std::expected<Run, std::string> run() override {
        std::int64_t begin = now();
        for (std::uint64_t i = 0; i < starts_per_sample; ++i)
            if (auto job = supervisor_.submit({.program = program_, .command = command_}); !job)
                return failure(job.error());
        for (std::uint64_t i = 0; i < starts_per_sample; ++i) {
            auto result = supervisor_.next();
            if (!result)
                return failure(result.error());
            if (auto why = why_not_counted((*result)->status, (*result)->backend, backend());
                !why.empty())
                return std::unexpected(why);
        }
        return share(begin);
    }

    std::string_view backend() const override { return program_.backend(); }

private:
    Supervisor supervisor_;
    Template program_;
    Command command_;
};

PreparedRunner prepare_batch(const Invocation& invocation) {
    auto program = Template::open(invocation.path);
    if (!program)
        return std::unexpected(std::move(program.error()));
    return std::make_unique<BatchRunner>(std::move(*program), Command(invocation.args));
}

PreparedRunner prepare_supervisor(const Invocation& invocation) {
    auto program = Template::open(invocation.path);
    if (!program)
        return std::unexpected(std::move(program.error()));
    auto supervisor = Supervisor::create({.max_queued = starts_per_sample});
    if (!supervisor)
        return std::unexpected(std::move(supervisor.error()));
    return std::make_unique<SupervisorRunner>(std::move(*supervisor), std::move(*program),
                                              Command(invocation.args));
}

}  // namespace

bool can_start_in_threads(std::string_view method) {
    return std::ranges::find(own_processes, method) == own_processes.end();
}

std::vector<Group> parallel_groups(const Selection& selection) {
    std::vector<Group> groups;
    for (std::size_t threads : {1, 2, 4, 8}) {
        if (selection.quick && threads > 2)
            break;
        Group group{.question = "parallel",
                    .program = "nolibc",
                    .parent = parent_of_many,
                    .count = usual_count(selection, 50),
                    .variant = std::to_string(threads) + (threads == 1 ? " thread" : " threads")};
        group.extra = {{"workers", threads}};
        for (Entry& entry : chosen_entries(selection, can_start_in_threads))
            group.entries.push_back(in_threads(std::move(entry), threads));
        if (threads == 1 && selection.methods.empty()) {
            group.entries.push_back({"supervisor", prepare_supervisor});
            group.entries.push_back({"batch", prepare_batch});
        }
        groups.push_back(std::move(group));
    }
    return groups;
}

}  // namespace spawntpl::bench
