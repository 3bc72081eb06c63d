// SPDX-License-Identifier: MIT
#include "other_parents.hpp"

#include "baselines.hpp"
#include "own_process.hpp"
#include "parent.hpp"
#include "python_process.hpp"

#include <nlohmann/json.hpp>

#include <cstring>
#include <memory>

#include <sys/socket.h>

namespace spawntpl::bench {

namespace {

/// What the other process says after each start, and once before: whether it is such a parent.
struct Answer {
    std::int64_t returned;
    std::int64_t ended;
    std::int32_t code;    ///< with which the child exited, or -1
    std::int32_t signal;  ///< that killed it, or -1
    char failure[240];    ///< or this went wrong
};

std::expected<Answer, std::string> receive_answer(const Fd& socket) {
    auto answer = receive<Answer>(socket);
    if (answer && answer->failure[0])
        return std::unexpected(answer->failure);
    return answer;
}

class RemoteRunner : public Runner {
public:
    explicit RemoteRunner(OwnProcess process) : process_(std::move(process)) {}

    std::expected<Run, std::string> run() override {
        send(process_.socket().get(), "start", 5, MSG_NOSIGNAL);
        auto answer = receive_answer(process_.socket());
        if (!answer)
            return std::unexpected(answer.error());
        return Run{answer->returned, answer->ended,
                   answer->signal < 0 ? ExitStatus::exited(answer->code)
                                      : ExitStatus::killed(answer->signal, false)};
    }

private:
    OwnProcess process_;
};

PreparedRunner remote_runner(const std::function<void(const Fd& socket)>& serve) {
    auto process = OwnProcess::start(serve);
    if (!process)
        return unavailable(process.error());
    if (auto ready = receive_answer(process->socket()); !ready)
        return unavailable(ready.error());
    return std::make_unique<RemoteRunner>(std::move(*process));
}

void send_answer(const Fd& socket, const std::expected<Run, std::string>& run) {
    Answer answer{};
    if (run) {
        answer.returned = run->returned;
        answer.ended = run->ended;
        answer.code = run->status.code().value_or(-1);
        answer.signal = run->status.signal().value_or(-1);
    } else {
        std::strncpy(answer.failure, run.error().c_str(), sizeof(answer.failure) - 1);
    }
    send(socket.get(), &answer, sizeof(answer), MSG_NOSIGNAL);
}

void serve_forks(const Fd& socket, const Invocation& invocation) {
    ParentShape shape = invocation.parent;
    shape.huge_pages = true;
    auto parent = Parent::make(shape);
    if (!parent)
        return send_answer(socket, std::unexpected(parent.error()));
    auto runner = baseline_runner(invocation, start_by_fork);
    send_answer(socket, Run{0, 0, ExitStatus::exited(0)});
    for (char request[8]; recv(socket.get(), request, sizeof(request), 0) > 0;)
        send_answer(socket, (*runner)->run());
}

nlohmann::json request_of(const Invocation& invocation) {
    const ParentShape& parent = invocation.parent;
    std::vector<std::string> argv{invocation.path};
    argv.insert(argv.end(), invocation.args.begin(), invocation.args.end());
    return {{"argv", argv},
            {"name", invocation.name},
            {"change", invocation.environment == EnvironmentUse::changed},
            {"fds", parent.fds},
            {"rss_mib", parent.rss_mib},
            {"env", parent.env},
            {"mappings", parent.mappings},
            {"threads", parent.threads}};
}

}  // namespace

PreparedRunner prepare_fork_of_huge_pages(const Invocation& invocation) {
    if (invocation.parent.rss_mib == 0)
        return unavailable("this parent has no memory that could be on huge pages");
    return remote_runner([&](const Fd& socket) { serve_forks(socket, invocation); });
}

PreparedRunner prepare_python(const Invocation& invocation) {
    if (std::string why = why_no_python(); !why.empty())
        return unavailable(why);
    if (auto room = check_memory(invocation.parent.rss_mib); !room)
        return unavailable(room.error());
    return remote_runner([&](const Fd& socket) {
        execute_python(socket, "start_by_subprocess.py", request_of(invocation));
    });
}

}  // namespace spawntpl::bench
