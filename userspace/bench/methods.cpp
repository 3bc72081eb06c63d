// SPDX-License-Identifier: MIT
#include "methods.hpp"

#include "baselines.hpp"
#include "clock.hpp"
#include "raw_template.hpp"

#include <spawntpl/spawntpl.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::bench {

namespace {

class BaselineRunner : public Runner {
public:
    BaselineRunner(StartFunction start, const Invocation& invocation)
        : start_(std::move(start)), invocation_(invocation) {
        argv_.push_back(invocation_.path.data());
        for (std::string& arg : invocation_.args)
            argv_.push_back(arg.data());
        argv_.push_back(nullptr);
    }

    BaselineRunner(const BaselineRunner&) = delete;

    std::expected<Run, std::string> run() override {
        ExecArguments arguments{invocation_.path.c_str(), argv_.data(), environ};
        std::int64_t begin = now();
        pid_t pid = start_(arguments);
        std::int64_t returned = now();
        if (pid < 0)
            return failure("cannot start a child");
        int status;
        if (waitpid(pid, &status, 0) != pid)
            return failure("cannot wait for the child");
        std::int64_t ended = now();
        return Run{returned - begin, ended - begin,
                   WIFEXITED(status) ? ExitStatus::exited(WEXITSTATUS(status))
                                     : ExitStatus::killed(WTERMSIG(status), WCOREDUMP(status))};
    }

private:
    static std::unexpected<std::string> failure(std::string_view what) {
        return std::unexpected(std::string(what) + ": " + std::generic_category().message(errno));
    }

    StartFunction start_;
    Invocation invocation_;
    std::vector<char*> argv_;
};

class LibraryRunner : public Runner {
public:
    LibraryRunner(Template program, std::vector<std::string> args)
        : program_(std::move(program)), command_(std::move(args)) {}

    std::expected<Run, std::string> run() override {
        std::int64_t begin = now();
        std::int64_t returned = begin;
        std::string_view served_by;
        auto status = [&]() -> Result<ExitStatus> {
            auto child = program_.spawn(command_);
            returned = now();
            if (!child)
                return std::unexpected(child.error());
            served_by = child->backend();
            return child->wait();
        }();
        std::int64_t ended = now();
        if (!status)
            return std::unexpected(status.error().message());
        if (served_by != backend())
            return std::unexpected("served by another backend: " + std::string(served_by));
        return Run{returned - begin, ended - begin, *status};
    }

    std::string_view backend() const override { return program_.backend(); }

private:
    Template program_;
    Command command_;
};

template <pid_t (*start)(const ExecArguments&)>
PreparedRunner baseline(const Invocation& invocation) {
    return baseline_runner(invocation, start);
}

constexpr std::array table{
    Method{"fork", "fork and execve", baseline<start_by_fork>},
    Method{"vfork", "vfork and execve", baseline<start_by_vfork>},
    Method{"raw-clone3", "clone3(CLONE_VM|CLONE_VFORK|CLONE_CLEAR_SIGHAND) and execve",
           baseline<start_by_clone3>},
    Method{reference_method, "libc's posix_spawn", baseline<start_by_posix_spawn>},
    Method{
        "lib-posix_spawn", "a template, started by posix_spawn",
        [](const Invocation& invocation) { return prepare_template(invocation, "posix_spawn"); }},
    Method{"clone3", "a template, started by clone3",
           [](const Invocation& invocation) { return prepare_template(invocation, "clone3"); }},
    Method{"kernel", "a template, started by the kernel",
           [](const Invocation& invocation) { return prepare_template(invocation, "kernel"); }},
    Method{"raw-kernel", "spawn_template_spawn without the library", prepare_raw_template},
    Method{"raw-kernel-nowait", "the same, not waiting for the exec", prepare_raw_template_nowait},
};

}  // namespace

PreparedRunner baseline_runner(const Invocation& invocation, StartFunction start) {
    return std::make_unique<BaselineRunner>(std::move(start), invocation);
}

PreparedRunner prepare_template(const Invocation& invocation, std::string backend) {
    auto program = Template::open(invocation.path, {.backend = std::move(backend)});
    if (!program)
        return std::unexpected(std::move(program.error()));
    return std::make_unique<LibraryRunner>(std::move(*program), invocation.args);
}

std::span<const Method> methods() {
    return table;
}

const Method* find_method(std::string_view name) {
    const Method* found = std::ranges::find(table, name, &Method::name);
    return found == table.end() ? nullptr : found;
}

}  // namespace spawntpl::bench
