// SPDX-License-Identifier: MIT
#include "methods.hpp"

#include "baselines.hpp"
#include "exec_loop.hpp"
#include "exec_vectors.hpp"
#include "fork_server.hpp"
#include "helper.hpp"
#include "other_parents.hpp"
#include "programs.hpp"
#include "raw_template.hpp"
#include "stopwatch.hpp"

#include <spawntpl/spawntpl.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::bench {

namespace {

class BaselineRunner : public Runner {
public:
    BaselineRunner(StartFunction start, const Invocation& invocation)
        : start_(std::move(start)), vectors_(invocation) {}

    std::expected<Run, std::string> run() override {
        Stopwatch watch;
        BaselineChild child = start_(vectors_.arguments());
        watch.returned();
        if (child.pid < 0)
            return failure("cannot start a child");
        auto status = child.pidfd < 0 ? wait_for_pid(child.pid) : wait_for_pidfd(child.pidfd);
        if (!status)
            return failure("cannot wait for the child");
        return watch.ended(*status);
    }

private:
    static std::unexpected<std::string> failure(std::string_view what) {
        return std::unexpected(std::string(what) + ": " + std::generic_category().message(errno));
    }

    static std::optional<ExitStatus> wait_for_pid(pid_t pid) {
        int status;
        if (waitpid(pid, &status, 0) != pid)
            return {};
        return exit_status(status);
    }

    static std::optional<ExitStatus> wait_for_pidfd(int pidfd) {
        siginfo_t info{};
        int result = waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED);
        close(pidfd);
        if (result != 0)
            return {};
        return info.si_code == CLD_EXITED
                   ? ExitStatus::exited(info.si_status)
                   : ExitStatus::killed(info.si_status, info.si_code == CLD_DUMPED);
    }

    StartFunction start_;
    ExecVectors vectors_;
};

class LibraryRunner : public Runner {
public:
    LibraryRunner(Template program, Command command)
        : program_(std::move(program)), command_(std::move(command)) {}

    std::expected<Run, std::string> run() override {
        Stopwatch watch;
        std::string_view served_by;
        auto status = [&]() -> Result<ExitStatus> {
            auto child = program_.spawn(command_);
            watch.returned();
            if (!child)
                return std::unexpected(child.error());
            served_by = child->backend();
            return child->wait();
        }();
        if (!status)
            return std::unexpected(status.error().message());
        Run run = watch.ended(*status);
        if (served_by != backend())
            return std::unexpected("served by another backend: " + std::string(served_by));
        return run;
    }

    std::string_view backend() const override { return program_.backend(); }

private:
    Template program_;
    Command command_;
};

template <BaselineChild (*start)(const ExecArguments&)>
PreparedRunner baseline(const Invocation& invocation) {
    return baseline_runner(invocation, start);
}

/// Of those that start no program.
template <BaselineChild (*start)(const ExecArguments&)>
PreparedRunner floor(const Invocation& invocation) {
    if (invocation.path != payload("exit0"))
        return unavailable("starts no program: see 'nolibc'");
    return baseline_runner(invocation, start);
}

PreparedRunner prepare_pidfd_spawn(const Invocation& invocation) {
    if (!has_pidfd_spawn())
        return unavailable("this libc has no pidfd_spawn()");
    return baseline_runner(invocation, start_by_pidfd_spawn);
}

/// One line for each method, and all that is to be said of it.
constexpr std::array table{
    Method{"fork", "fork and execve", baseline<start_by_fork>},
    Method{"fork-thp", "the same, the parent's memory on huge pages", prepare_fork_of_huge_pages,
           true},
    Method{"vfork", "vfork and execve", baseline<start_by_vfork>},
    Method{"raw-clone3", "clone3(CLONE_VM|CLONE_VFORK|CLONE_CLEAR_SIGHAND) and execve",
           baseline<start_by_clone3>},
    Method{"safe-clone3", "the same with all that makes it safe, and no copy of the descriptors",
           baseline<start_by_safe_clone3>},
    Method{reference_method, "libc's posix_spawn", baseline<start_by_posix_spawn>},
    Method{"pidfd_spawn", "libc's pidfd_spawn (glibc 2.39)", prepare_pidfd_spawn},
    Method{"helper", "a small process that was started early, over a socket pair", prepare_helper,
           true},
    Method{"python", "Python's subprocess", prepare_python, true},
    Method{"fork-server",
           "a preloaded fork server that does nothing else: no arguments, descriptors or state of "
           "the caller",
           prepare_fork_server},
    Method{"exec-loop", "a program that executes itself: no fork", prepare_exec_loop},
    Method{"fork-exit", "fork and _exit: no exec", floor<fork_and_exit>},
    Method{"vfork-exit", "vfork and _exit: no exec", floor<vfork_and_exit>},
    Method{
        "lib-posix_spawn", "a template, started by posix_spawn",
        [](const Invocation& invocation) { return prepare_template(invocation, "posix_spawn"); }},
    Method{"clone3", "a template, started by clone3",
           [](const Invocation& invocation) { return prepare_template(invocation, "clone3"); }},
    Method{"warm", "a template, started as a copy of a process that has the program loaded",
           [](const Invocation& invocation) { return prepare_template(invocation, "warm"); }},
    Method{
        "kernel-warm", "a template, started by the kernel as a copy of the linked program",
        [](const Invocation& invocation) { return prepare_template(invocation, "kernel-warm"); }},
    Method{"kernel", "a template, started by the kernel",
           [](const Invocation& invocation) { return prepare_template(invocation, "kernel"); }},
    Method{"kernel-nowait", "the same, not waiting for the exec",
           [](const Invocation& invocation) {
               return prepare_template(invocation, "kernel", Command().return_early());
           }},
    Method{"raw-kernel", "spawn_template_spawn without the library", prepare_raw_template},
    Method{"raw-kernel-nowait", "the same, not waiting for the exec", prepare_raw_template_nowait},
};

}  // namespace

std::unexpected<Error> unavailable(std::string why) {
    return std::unexpected(Error{.code = std::make_error_code(std::errc::not_supported),
                                 .step = Step::choose_backend,
                                 .detail = std::move(why)});
}

ExitStatus exit_status(int wait_status) {
    return WIFEXITED(wait_status)
               ? ExitStatus::exited(WEXITSTATUS(wait_status))
               : ExitStatus::killed(WTERMSIG(wait_status), WCOREDUMP(wait_status));
}

PreparedRunner baseline_runner(const Invocation& invocation, StartFunction start) {
    return std::make_unique<BaselineRunner>(std::move(start), invocation);
}

PreparedRunner prepare_template(const Invocation& invocation, std::string backend,
                                const Command& common) {
    TemplateOptions options{.backend = std::move(backend)};
    Command command = common;
    command.args(invocation.args);
    if (invocation.environment == EnvironmentUse::prepared)
        options.env = Environment::current();
    if (invocation.environment == EnvironmentUse::changed)
        command.set_env("HOME", "/changed");
    auto program =
        Template::open(invocation.name.empty() ? invocation.path : invocation.name, options);
    if (!program)
        return std::unexpected(std::move(program.error()));
    return std::make_unique<LibraryRunner>(std::move(*program), std::move(command));
}

std::span<const Method> methods() {
    return table;
}

std::string_view backend_of(std::string_view method) {
    return method.starts_with("lib-") ? method.substr(4) : method;
}

const Method* find_method(std::string_view name) {
    const Method* found = std::ranges::find(table, name, &Method::name);
    return found == table.end() ? nullptr : found;
}

}  // namespace spawntpl::bench
