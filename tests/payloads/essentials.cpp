// SPDX-License-Identifier: MIT
//
// Starts, waits for and ends children in an environment that makes it hard: BACKEND CONDITION.
// Says on standard error what does not work, and ends with status 1.
#include <spawntpl/spawntpl.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace spawntpl;
using namespace std::chrono_literals;

std::string backend;
int complaints_fd = STDERR_FILENO;
std::atomic<bool> failed = false;
bool statuses_are_lost = false;

void require(bool condition, const std::string& what) {
    if (condition)
        return;
    failed = true;
    dprintf(complaints_fd, "%s\n", what.c_str());
}

template <typename Value>
Value must(Result<Value> result) {
    if (result)
        return std::move(*result);
    dprintf(complaints_fd, "%s\n", result.error().message().c_str());
    _exit(1);
}

std::string payload(const char* name) {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

Template open(const std::string& program) {
    return must(Template::open(program, {.backend = backend}));
}

void expect_end(Child& child, ExitStatus expected, const char* what) {
    auto status = child.wait();
    if (statuses_are_lost)
        require(!status && status.error().code.value() == ECHILD, "a status was not lost");
    else
        require(status && *status == expected, what);
}

std::string output(const Template& program, Command command) {
    Child child = must(program.spawn(command.pipe_from_child(STDOUT_FILENO)));
    std::string text;
    char buffer[4096];
    for (ssize_t length; (length = read(child.pipe(STDOUT_FILENO), buffer, sizeof(buffer))) > 0;)
        text.append(buffer, static_cast<std::size_t>(length));
    expect_end(child, ExitStatus::exited(0), "a program that writes fails");
    return text;
}

void essentials() {
    Template end = open(payload("end"));
    Child seven = must(end.spawn(Command({"exit", "7"})));
    expect_end(seven, ExitStatus::exited(7), "an exit code is wrong");

    Child never = must(end.spawn(Command({"never"})));
    auto early = never.wait_for(1ms);
    require(early && !*early, "a child that does not end has ended");
    require(never.kill().has_value(), "a child cannot be killed");
    expect_end(never, ExitStatus::killed(SIGKILL, false), "the status of a killed child is wrong");

    Template cat = open("/bin/cat");
    require(output(cat, Command().input("text")) == "text", "an input does not arrive");
    require(output(cat, Command({"version"}).cwd("/proc")).starts_with("Linux"),
            "a directory is not entered");

    auto refused = cat.spawn(Command().cwd("/nonexistent"));
    require(!refused && refused.error().step == Step::enter_directory &&
                refused.error().code.value() == ENOENT,
            "the reason of a failure is wrong");
}

// --- conditions ------------------------------------------------------------------------------

void with_sigchld_ignored() {
    signal(SIGCHLD, SIG_IGN);
    statuses_are_lost = true;
    essentials();
}

void with_closed_standard_descriptors() {
    complaints_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100);
    for (int fd : {0, 1, 2})
        close(fd);
    essentials();
    for (int fd : {0, 1, 2})
        require(fcntl(fd, F_GETFD) < 0, "a standard descriptor was opened");
}

/// The most descriptors that there can be, and some open at the end of the table.
void with_high_descriptors() {
    rlimit limit{};
    for (rlim_t count : {rlim_t{1} << 22, rlim_t{1} << 21, rlim_t{1} << 20}) {
        limit = {count, count};
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
            break;
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int high = static_cast<int>(limit.rlim_cur) - 1;
    require(dup2(STDIN_FILENO, high) == high && dup2(STDIN_FILENO, high / 2) == high / 2,
            "high descriptors cannot be opened");
    essentials();
    std::string text = output(open(payload("show")), Command().fd(3, high).null(high - 1));
    // Each descriptor is a name and a value.
    auto is_open = [&](int fd) {
        std::string field("fd\0", 3);
        return text.find(field + std::to_string(fd) + " ") != std::string::npos;
    };
    require(is_open(3) && is_open(high - 1), "a high descriptor is not passed on");
    require(!is_open(high) && !is_open(high / 2), "a high descriptor leaks");
}

std::atomic<int> handled = 0;
std::atomic<bool> handled_elsewhere = false;
pid_t program_pid;

/// Signals that are handled on a stack of their own, all the time.
void with_alternate_stack() {
    std::vector<char> room(1 << 16);
    stack_t stack{.ss_sp = room.data(), .ss_flags = 0, .ss_size = room.size()};
    sigaltstack(&stack, nullptr);
    struct sigaction action {};
    action.sa_handler = [](int) {
        handled = handled + 1;
        if (getpid() != program_pid)
            handled_elsewhere = true;
    };
    action.sa_flags = SA_ONSTACK | SA_RESTART;
    program_pid = getpid();
    sigaction(SIGUSR1, &action, nullptr);

    pthread_t self = pthread_self();
    std::jthread sender([&](std::stop_token stop) {
        while (!stop.stop_requested()) {
            pthread_kill(self, SIGUSR1);
            usleep(100);
        }
    });
    for (int i = 0; i < 5 || handled == 0; ++i)
        essentials();
    sender.request_stop();
    sender.join();
    require(!handled_elsewhere, "a handler has run in a child");
    stack.ss_flags = SS_DISABLE;
    sigaltstack(&stack, nullptr);
}

void in_thread_with_stack(std::size_t size) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    require(pthread_attr_setstacksize(&attributes, size) == 0, "the stack size is refused");
    pthread_t thread;
    auto run = [](void*) -> void* {
        essentials();
        return nullptr;
    };
    require(pthread_create(&thread, &attributes, run, nullptr) == 0, "no thread");
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
}

void in_threads() {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back(essentials);
}

/// Also with a template from before the fork.
void after_fork() {
    Template program = open(payload("exit0"));
    pid_t pid = fork();
    if (pid == 0) {
        Child child = must(program.spawn());
        expect_end(child, ExitStatus::exited(0), "a template does not survive a fork");
        essentials();
        _exit(failed);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    require(status == 0, "the forked process failed");
    essentials();
}

const std::map<std::string, std::function<void()>> conditions = {
    {"plain", essentials},
    {"pid-1",
     [] {
         require(getpid() == 1, "not the first process of a namespace");
         essentials();
     }},
    {"sigchld-ignored", with_sigchld_ignored},
    {"closed-standard-descriptors", with_closed_standard_descriptors},
    {"high-descriptors", with_high_descriptors},
    {"alternate-stack", with_alternate_stack},
    {"stack-64k", [] { in_thread_with_stack(64 << 10); }},
    {"stack-128k", [] { in_thread_with_stack(128 << 10); }},
    {"threads", in_threads},
    {"fork", after_fork},
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3 || !conditions.contains(argv[2]))
        return 2;
    backend = argv[1];
    conditions.at(argv[2])();
    require(waitpid(-1, nullptr, __WALL | WNOHANG) == -1 && errno == ECHILD, "a child is left");
    return failed;
}
