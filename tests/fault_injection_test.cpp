// SPDX-License-Identifier: MIT
//
// Each system call that the library makes fails in turn, in each way that it can.
#include "backend.hpp"
#include "event_loop.hpp"
#include "faults.hpp"
#include "passing_process.hpp"
#include "support.hpp"

#include <functional>
#include <utility>

#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

#ifdef __SANITIZE_THREAD__
constexpr const char* why_not = "a program with the thread sanitizer cannot be forked and traced";
#elif !defined(__x86_64__)
constexpr const char* why_not = "the results of system calls are changed on x86-64 only";
#else
constexpr const char* why_not = nullptr;
#endif

/// The processes that this program starts meanwhile are in pid and mount namespaces of their own,
/// the first as process 1: no other process is to be found there.
class EmptyNamespaces {
public:
    EmptyNamespaces() {
        is_ready_ = directory_ && pids_ && mounts_ && unshare(CLONE_NEWPID | CLONE_NEWNS) == 0 &&
                    mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    }

    EmptyNamespaces(const EmptyNamespaces&) = delete;

    ~EmptyNamespaces() {
        setns(mounts_.get(), CLONE_NEWNS);
        setns(pids_.get(), CLONE_NEWPID);
        EXPECT_EQ(fchdir(directory_.get()), 0);
    }

    bool is_ready() const { return is_ready_; }

private:
    Fd directory_{::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    Fd pids_{::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC)};
    Fd mounts_{::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC)};
    bool is_ready_;
};

class FaultInjection : public BackendTest {
protected:
    void SetUp() override {
        if (why_not)
            GTEST_SKIP() << why_not;
    }

    Template must_open(const std::string& program) const {
        TemplateOptions options{.backend = backend(), .env = Environment({"A=1"})};
        return std::move(*Template::open(program, options));
    }

    bool can(std::string_view feature) const {
        const auto& info = *std::ranges::find(backends(), backend(), &BackendInfo::name);
        return std::ranges::count(info.features, feature) != 0;
    }

    static Outcome finish(Result<Child> child) {
        if (!child)
            return {std::move(child.error()), {}};
        if (Fd input = child->take_pipe(0); input)
            input.reset();
        Outcome outcome;
        for (int fd : {child->pipe(1), child->terminal()})
            if (fd >= 0)
                outcome.result += read_to_end(fd);
        auto status = child->wait();
        if (!status)
            outcome.result += "[" + status.error().message() + "]";
        else if (!status->success())
            outcome.result += "[no success]";
        return outcome;
    }

    /// A terminal ends with an error.
    static std::string read_to_end(int fd) {
        std::string text;
        char buffer[4096];
        for (ssize_t length; (length = read(fd, buffer, sizeof(buffer))) > 0;)
            text.append(buffer, static_cast<std::size_t>(length));
        return text;
    }

    void expect_clean_starts(const Template& program, const Command& command) const {
        expect_clean_failures(
            [&] { return finish(in_window([&] { return program.spawn(command); })); });
    }

    /// Of a program that tells what it was given.
    void expect_clean_starts(Command command) const {
        expect_clean_starts(must_open(payload("state")), command.pipe_from_child(1));
    }

    TemporaryDirectory directory_;
};
FOR_EACH_BACKEND(FaultInjection);

TEST_P(FaultInjection, plain_start) {
    expect_clean_starts(must_open(payload("exit0")), Command());
}

TEST_P(FaultInjection, arguments_and_environment) {
    expect_clean_starts(Command({"one", ""}).arg0("zero").env({"A=1", "B=2"}).set_env("C", "3"));
}

TEST_P(FaultInjection, program_given_by_a_descriptor) {
    Fd fd(::open(payload("state").c_str(), O_PATH | O_CLOEXEC));
    auto program = Template::from_fd(fd.get(), "state", options());
    ASSERT_TRUE(program);
    // Its number is the first that the library would take for its copy.
    expect_clean_starts(*program, Command().pipe_from_child(1).null(fd.get()).null(fd.get() + 1));
}

TEST_P(FaultInjection, script) {
    write_file(directory_ / "script", "#!/bin/sh\necho run\n", 0755);
    expect_clean_starts(must_open(directory_ / "script"), Command().pipe_from_child(1));
}

TEST_P(FaultInjection, batch) {
    // None ends before the window does: its SIGCHLD would make the next start begin anew.
    Template program = must_open("/bin/cat");
    const std::vector<Command> commands(2, Command().pipe_to_child(0).pipe_from_child(1));
    expect_clean_failures([&] {
        auto children = in_window([&] { return program.spawn_all(commands); });
        Outcome all;
        for (auto& child : children) {
            Outcome one = finish(std::move(child));
            if (one.error)
                all.error = std::move(one.error);
            all.result += one.result;
        }
        return all;
    });
}

TEST_P(FaultInjection, start_that_fails_anyhow) {
    write_file(directory_ / "script", "#!/nonexistent/interpreter\n", 0755);
    expect_clean_starts(must_open(directory_ / "script"), Command().cwd("/").null(0));
}

TEST_P(FaultInjection, every_kind_of_redirection) {
    write_file(directory_ / "file", "text of the file");
    Fd a = open_null(), b(::open((directory_ / "file").c_str(), O_RDONLY | O_CLOEXEC));
    expect_clean_starts(Command()
                            .pipe_to_child(0)
                            .same_as(2, 1)
                            .fd(a.get(), b.get())
                            .fd(b.get(), a.get())
                            .file(70, directory_ / "file", O_RDONLY)
                            .null(71)
                            .input("text of the input")
                            .pipe_to_child(72)
                            .same_as(73, 70)
                            .close(80));
}

TEST_P(FaultInjection, inherited_descriptors) {
    Fd inherited(::open("/dev/null", O_RDWR)), closed(::open("/dev/null", O_RDWR));
    Fd a = open_null(), b = open_null();
    expect_clean_starts(Command()
                            .inherit_fds()
                            .close(closed.get())
                            .fd(a.get(), b.get())
                            .fd(b.get(), a.get())
                            .null(90));
}

TEST_P(FaultInjection, directory_and_signals) {
    expect_clean_starts(Command()
                            .cwd(directory_.path())
                            .process_group()
                            .signal_defaults({SIGHUP, SIGPIPE})
                            .signal_mask({SIGUSR1}));
}

TEST_P(FaultInjection, limits_and_scheduling) {
    Command command;
    if (can("file mode creation mask"))
        command.umask(0137);
    if (can("resource limits"))
        command.limit(RLIMIT_NOFILE, 77, 88).limit(RLIMIT_CORE, 1, 2);
    if (can("nice value"))
        command.nice(3);
    if (can("CPU affinity"))
        command.affinity({0});
    command.scheduler(can("scheduling policies of Linux") ? SCHED_BATCH : SCHED_OTHER);
    expect_clean_starts(command);
}

TEST_P(FaultInjection, rights) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can change ids";
    Command command;
    if (can("user, group, supplementary groups"))
        command.groups({5, 6}).group(2345).user(1234);
    if (can("no new privileges"))
        command.no_new_privileges();
    if (can("parent-death signal"))
        command.parent_death_signal(SIGTERM);
    expect_clean_starts(command.reset_ids());
}

TEST_P(FaultInjection, namespaces) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can make namespaces anywhere";
    if (!can("namespaces"))
        return;
    expect_clean_starts(Command().namespaces(CLONE_NEWUTS | CLONE_NEWIPC));
}

TEST_P(FaultInjection, cgroup) {
    // One of its own, so that it is gone afterwards.
    CgroupDirectory cgroup;
    if (!cgroup.fd())
        GTEST_SKIP() << "there is no cgroup v2 that this program may make others in";
    if (!can("cgroup from birth"))
        return;
    expect_clean_starts(Command().cgroup(cgroup.fd().get()));
}

TEST_P(FaultInjection, pseudo_terminal) {
    // It tells by way of a pipe: what is in a terminal when its session ends may be lost.
    expect_clean_starts(Command().pseudo_terminal({30, 90}));
}

TEST_P(FaultInjection, controlling_terminal) {
    int master, slave;
    ASSERT_EQ(openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
    Fd owned_master(master), owned_slave(slave);
    fcntl(master, F_SETFD, FD_CLOEXEC);
    fcntl(slave, F_SETFD, FD_CLOEXEC);
    expect_clean_starts(
        Command().new_session().controlling_terminal(slave).foreground(slave).fd(0, slave));
}

TEST_P(FaultInjection, closed_standard_descriptors) {
    Template program = must_open(payload("state"));
    expect_clean_failures([&] {
        Fd saved[3];
        for (int fd : {0, 1, 2}) {
            saved[fd] = Fd(fcntl(fd, F_DUPFD_CLOEXEC, 100));
            close(fd);
        }
        Command command = Command().pipe_from_child(1).cwd("/").null(5).input("text");
        Outcome outcome = finish(in_window([&] { return program.spawn(command); }));
        for (int fd : {0, 1, 2})
            dup2(saved[fd].get(), fd);
        return outcome;
    });
}

TEST_P(FaultInjection, opening_of_a_program) {
    ScopedEnv path("PATH", "/nonexistent:/bin");
    for (const std::string& name : {std::string("true"), payload("exit0")})
        expect_clean_failures([&]() -> Outcome {
            auto program = in_window([&] { return Template::open(name, options()); });
            if (!program)
                return {program.error(), {}};
            return {std::nullopt, program->program()};
        });
}

TEST_P(FaultInjection, opening_of_a_program_by_a_descriptor) {
    Fd fd(::open(payload("exit0").c_str(), O_PATH | O_CLOEXEC));
    expect_clean_failures([&]() -> Outcome {
        auto program = in_window([&] { return Template::from_fd(fd.get(), "exit0", options()); });
        if (!program)
            return {program.error(), {}};
        return {std::nullopt, program->program()};
    });
}

template <typename Value>
std::optional<Error> error_of(const Result<Value>& result) {
    return result ? std::nullopt : std::optional(result.error());
}

/// One that has ended: the calls do not depend on who is first.
Child ended_child(const Template& program) {
    auto child = *program.spawn(Command({"exit", "7"}));
    siginfo_t info;
    waitid(P_PIDFD, static_cast<id_t>(child.pidfd()), &info, WEXITED | WNOWAIT);
    return child;
}

TEST_P(FaultInjection, waiting) {
    Template program = must_open(payload("end"));
    const std::function<std::optional<Error>(Child&)> waits[] = {
        [](Child& child) { return error_of(child.wait()); },
        [](Child& child) { return error_of(child.try_wait()); },
        [](Child& child) { return error_of(child.wait_for(std::chrono::hours(1))); },
        [](Child& child) { return error_of(child.stop(StopPolicy::killing())); },
    };
    for (const auto& wait : waits)
        expect_clean_failures([&]() -> Outcome {
            Child child = ended_child(program);
            auto error = in_window([&] { return wait(child); });
            return {error, child.wait()->code() == 7 ? "" : "wrong code"};
        });
}

TEST_P(FaultInjection, waiting_in_vain) {
    Template program = must_open(payload("end"));
    expect_clean_failures([&]() -> Outcome {
        auto child = *program.spawn(Command({"never"}));
        auto status = in_window([&] { return child.wait_for(std::chrono::milliseconds(50)); });
        kill(child.pid(), SIGKILL);
        return {error_of(status), child.wait()->signal() == SIGKILL ? "" : "not killed"};
    });
}

/// Waits until a process stands still after a SIGSTOP.
void wait_until_stopped(pid_t pid) {
    std::string path = "/proc/" + std::to_string(pid) + "/stat";
    while (read_file(path).find(") T ") == std::string::npos)
        sched_yield();
}

TEST_P(FaultInjection, tree) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can make namespaces anywhere";
    // It is the same on all of them, and many calls.
    if (backend() != available_backends().front())
        return;
    EmptyNamespaces namespaces;
    ASSERT_TRUE(namespaces.is_ready());
    Template program = must_open(payload("tree"));
    expect_clean_failures([&, is_new = true]() mutable -> Outcome {
        if (std::exchange(is_new, false) && mount("proc", "/proc", "proc", 0, nullptr) != 0)
            return {std::nullopt, "no /proc"};
        // All in one group, so that those whose files cannot be read are not missed.
        auto child = *program.spawn(Command({"ff"}).process_group().pipe_from_child(1));
        char byte;
        std::string result = read(child.pipe(1), &byte, 1) == 1 ? "" : "no tree; ";
        // The calls do not depend on who stands still first.
        kill(-child.pid(), SIGSTOP);
        for (pid_t pid : {child.pid(), child.pid() + 1, child.pid() + 2})
            wait_until_stopped(pid);

        auto killed = in_window([&] { return child.kill_tree(); });
        pollfd closed{.fd = child.pipe(1), .events = POLLIN, .revents = 0};
        if (killed && poll(&closed, 1, 60'000) <= 0)
            result += "a descendant lives; ";
        // As process 1: all others.
        kill(-1, SIGKILL);
        result += child.wait()->signal() == SIGKILL ? "" : "not killed; ";
        while (waitpid(-1, nullptr, 0) > 0) {
        }
        return {error_of(killed), result};
    });
}

/// The errno for which a probe says this, or 0.
int errno_of(const std::string& reason) {
    for (int error = 1; error < 134; ++error)
        for (const char* call : {"spawn_template_create", "spawn_template_spawn", "clone3",
                                 "close_range", "pidfd_open"})
            if (reason == detail::unavailable(call, error))
                return error;
    return 0;
}

TEST_P(FaultInjection, probe) {
    const auto& tested = **std::ranges::find(detail::all_backends(), backend(),
                                             [](const auto* each) { return each->name(); });
    expect_clean_failures([&]() -> Outcome {
        std::string reason = in_window([&] { return tested.probe(); });
        if (reason.empty())
            return {std::nullopt, "available"};
        return {Error{.code = {errno_of(reason), std::generic_category()},
                      .step = Step::choose_backend,
                      .inferred = true},
                {}};
    });
}

TEST_P(FaultInjection, passing_process) {
    if (backend() != available_backends().front())
        return;
    expect_clean_failures([&]() -> Outcome {
        int called = 0;
        int error = in_window(
            [&] { return detail::in_passing_process([&called] { ++called; }) ? 0 : errno; });
        if (error != 0)
            return {Error{.code = {error, std::generic_category()}, .step = Step::clone},
                    std::to_string(called)};
        return {std::nullopt, std::to_string(called)};
    });
}

TEST_P(FaultInjection, event_loop) {
    if (backend() != available_backends().front())
        return;
    for (const std::string& name : event_loops())
        expect_clean_failures([&]() -> Outcome {
            auto loop = in_window([&] { return detail::make_event_loop(name); });
            if (!loop)
                return {loop.error(), {}};
            return {std::nullopt, std::string((*loop)->name())};
        });
}

}  // namespace
}  // namespace spawntpl::tests
