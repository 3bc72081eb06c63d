// SPDX-License-Identifier: MIT
#include "agent.hpp"

#include "agent_calls.hpp"
#include "clock.hpp"
#include "own_process.hpp"
#include "programs.hpp"
#include "python_process.hpp"
#include "temporary_directory.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/socket.h>

namespace spawntpl::bench {

namespace {

constexpr std::uint64_t rfc_calls = 6'144;
constexpr std::uint64_t calls_per_sample = 384;  // each tool 24 times

// The socket of each worker is one.
constexpr ParentShape parent_of_workers{
    .fds = 64, .rss_mib = 0, .env = 20, .mappings = 0, .threads = 1};

/// Workers, and how many calls each has in flight.
struct Shape {
    std::uint64_t workers;
    std::uint64_t in_flight;
};
constexpr std::array<Shape, 4> shapes{{{1, 16}, {2, 8}, {4, 4}, {8, 2}}};

/// What the tools work on, for as long as this exists.
class Workplace {
public:
    Workplace() {
        std::ofstream notes(directory_.path() / "notes.txt");
        for (int line = 1; line <= 200; ++line)
            notes << "line " << line << ": some of the text that a tool is to look at\n";
    }

    std::string path() const { return directory_.path(); }

private:
    TemporaryDirectory directory_;
};

/// What a worker says when it is ready, and after its calls: nothing, or what went wrong.
struct Answer {
    char failure[240];
};

void send_answer(const Fd& socket, const std::string& failure) {
    Answer answer{};
    failure.copy(answer.failure, sizeof(answer.failure) - 1);
    send(socket.get(), &answer, sizeof(answer), MSG_NOSIGNAL);
}

/// One of the threads, each of which has one call in flight: every so manieth call.
std::string make_calls(const std::vector<std::unique_ptr<Call>>& calls, std::uint64_t first,
                       std::uint64_t count, std::uint64_t step) {
    for (std::uint64_t i = first; i < count; i += step)
        if (std::string failure = calls[i % calls.size()]->make(); !failure.empty())
            return failure;
    return {};
}

void serve(const Fd& socket, const MakeCalls& make, const std::string& directory,
           std::uint64_t in_flight, std::uint64_t count) {
    auto calls = make(directory);
    send_answer(socket, calls ? "" : calls.error());
    if (!calls)
        return;
    for (char request[8]; recv(socket.get(), request, sizeof(request), 0) > 0;) {
        std::vector<std::string> failures(in_flight);
        std::vector<std::jthread> threads;
        for (std::uint64_t i = 0; i < in_flight; ++i)
            threads.emplace_back([&, i] { failures[i] = make_calls(*calls, i, count, in_flight); });
        threads.clear();
        std::ranges::sort(failures, std::greater());
        send_answer(socket, failures.front());
    }
}

class AgentRunner : public Runner {
public:
    AgentRunner(std::vector<OwnProcess> workers, std::string_view backend)
        : workers_(std::move(workers)), backend_(backend) {}

    std::expected<Run, std::string> run() override {
        std::int64_t begin = now();
        for (const OwnProcess& worker : workers_)
            send(worker.socket().get(), "calls", 5, MSG_NOSIGNAL);
        // All of them, whatever fails: none is to make calls any longer.
        std::string failure;
        for (const OwnProcess& worker : workers_) {
            auto answer = receive<Answer>(worker.socket());
            if (!answer)
                failure = answer.error();
            else if (answer->failure[0])
                failure = answer->failure;
        }
        if (!failure.empty())
            return std::unexpected(failure);
        std::int64_t each = (now() - begin) / static_cast<std::int64_t>(calls_per_sample);
        return Run{each, each, ExitStatus::exited(0)};
    }

    std::string_view backend() const override { return backend_; }

private:
    std::vector<OwnProcess> workers_;
    std::string_view backend_;
};

/// What a worker does: it says when it is ready, and makes its calls whenever it is asked to.
using Serve = std::function<void(const Fd& socket)>;

PreparedRunner prepare_workers(const Serve& serve, std::uint64_t count,
                               std::string_view backend = {}) {
    std::vector<OwnProcess> workers;
    for (std::uint64_t i = 0; i < count; ++i) {
        auto worker = OwnProcess::start(serve);
        if (!worker)
            return unavailable(worker.error());
        if (auto answer = receive<Answer>(worker->socket()); !answer)
            return unavailable(answer.error());
        else if (answer->failure[0])
            return unavailable(answer->failure);
        workers.push_back(std::move(*worker));
    }
    return std::make_unique<AgentRunner>(std::move(workers), backend);
}

/// A worker is such a parent as the results say.
void as_described(const Fd& socket, const std::function<void()>& work) {
    auto parent = Parent::make(parent_of_workers);
    if (parent)
        work();
    else
        send_answer(socket, parent.error());
}

PreparedRunner prepare_calls(const AgentMethod& method, const std::string& directory,
                             const Shape& shape) {
    auto work = [&](const Fd& socket) {
        as_described(socket, [&] {
            serve(socket, method.make, directory, shape.in_flight,
                  calls_per_sample / shape.workers);
        });
    };
    return prepare_workers(work, shape.workers,
                           method.name == reference_method ? "" : backend_of(method.name));
}

PreparedRunner prepare_python_calls(const std::string& directory, const Shape& shape) {
    if (std::string why = why_no_python(); !why.empty())
        return unavailable(why);
    nlohmann::json request{{"tools", agent_tools()},
                           {"directory", directory},
                           {"in_flight", shape.in_flight},
                           {"count", calls_per_sample / shape.workers},
                           {"fds", parent_of_workers.fds}};
    auto work = [&](const Fd& socket) {
        as_described(socket, [&] { execute_python(socket, "call_by_subprocess.py", request); });
    };
    return prepare_workers(work, shape.workers);
}

bool is_chosen(const Selection& selection, std::string_view method) {
    return selection.methods.empty() ||
           std::ranges::find(selection.methods, method) != selection.methods.end();
}

}  // namespace

bool is_agent_method(std::string_view method) {
    return method == "python" ||
           std::ranges::find(agent_methods(), method, &AgentMethod::name) != agent_methods().end();
}

std::vector<Group> agent_groups(const Selection& selection) {
    auto workplace = std::make_shared<const Workplace>();
    std::vector<Group> groups;
    for (const Shape& shape : shapes) {
        Group group{
            .question = "agent",
            .program = std::string(mixed_program),
            .parent = parent_of_workers,
            .count = usual_count(selection, rfc_calls / calls_per_sample),
            .variant = std::to_string(shape.workers) + "x" + std::to_string(shape.in_flight)};
        group.extra = {{"workers", shape.workers},
                       {"in_flight", shape.in_flight},
                       {"calls", group.count * calls_per_sample}};
        if (is_chosen(selection, "python"))
            group.entries.push_back({"python",
                                     [workplace, shape](const Invocation&) {
                                         return prepare_python_calls(workplace->path(), shape);
                                     },
                                     true});
        for (const AgentMethod& method : agent_methods())
            if (is_chosen(selection, method.name))
                group.entries.push_back({std::string(method.name),
                                         [workplace, shape, &method](const Invocation&) {
                                             return prepare_calls(method, workplace->path(), shape);
                                         },
                                         true});
        groups.push_back(std::move(group));
    }
    return groups;
}

}  // namespace spawntpl::bench
