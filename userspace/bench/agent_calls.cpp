// SPDX-License-Identifier: MIT
#include "agent_calls.hpp"

#include "methods.hpp"
#include "programs.hpp"

#include <spawntpl/spawntpl.hpp>

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::bench {

namespace {

/// Reads all; returns whether it came to the end.
bool read_to_end(int fd) {
    char buffer[16 * 1024];
    ssize_t size;
    do
        size = read(fd, buffer, sizeof(buffer));
    while (size > 0 || (size < 0 && errno == EINTR));
    return size == 0;
}

std::string system_error(const std::string& what, int error) {
    return what + ": " + std::generic_category().message(error);
}

class PosixSpawnCall : public Call {
public:
    PosixSpawnCall(Invocation invocation, std::string directory)
        : invocation_(std::move(invocation)), directory_(std::move(directory)) {
        argv_.push_back(invocation_.path.data());
        for (std::string& arg : invocation_.args)
            argv_.push_back(arg.data());
        argv_.push_back(nullptr);
    }

    std::string make() const override {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0)
            return system_error("cannot make a pipe", errno);
        Fd output(ends[0]);
        Fd input(ends[1]);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, input.get(), 1);
        posix_spawn_file_actions_addchdir_np(&actions, directory_.c_str());
        pid_t pid;
        int error =
            posix_spawn(&pid, invocation_.path.c_str(), &actions, nullptr, argv_.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        if (error)
            return system_error("cannot start " + invocation_.path, error);
        input = Fd();
        bool read = read_to_end(output.get());
        int status;
        if (waitpid(pid, &status, 0) != pid)
            return system_error("cannot wait for " + invocation_.path, errno);
        return read && status == 0 ? "" : invocation_.path + " failed";
    }

private:
    Invocation invocation_;
    std::string directory_;
    std::vector<char*> argv_;
};

class TemplateCall : public Call {
public:
    TemplateCall(Template program, Command command)
        : program_(std::move(program)), command_(std::move(command)) {}

    std::string make() const override {
        auto child = program_.spawn(command_);
        if (!child)
            return child.error().message();
        if (child->backend() != program_.backend())
            return "served by another backend: " + std::string(child->backend());
        bool read = read_to_end(child->pipe(STDOUT_FILENO));
        auto status = child->wait();
        if (!status)
            return status.error().message();
        return read && status->success() ? "" : program_.program() + " failed";
    }

private:
    Template program_;
    Command command_;
};

using Calls = std::expected<std::vector<std::unique_ptr<Call>>, std::string>;

Calls posix_spawn_calls(const std::string& directory) {
    std::vector<std::unique_ptr<Call>> calls;
    for (const auto& words : agent_tools()) {
        auto invocation = resolve(words);
        if (!invocation)
            return std::unexpected(invocation.error());
        calls.push_back(std::make_unique<PosixSpawnCall>(std::move(*invocation), directory));
    }
    return calls;
}

MakeCalls template_calls(std::string backend) {
    return [backend](const std::string& directory) -> Calls {
        std::vector<std::unique_ptr<Call>> calls;
        for (const auto& words : agent_tools()) {
            auto program = Template::open(words.front(), {.backend = backend});
            if (!program)
                return std::unexpected(program.error().message());
            Command command({words.begin() + 1, words.end()});
            command.cwd(directory).null(STDIN_FILENO).pipe_from_child(STDOUT_FILENO);
            calls.push_back(std::make_unique<TemplateCall>(std::move(*program), command));
        }
        return calls;
    };
}

}  // namespace

const std::vector<std::vector<std::string>>& agent_tools() {
    static const std::vector<std::vector<std::string>> table{
        {"cat", "notes.txt"},
        {"head", "-n", "3", "notes.txt"},
        {"tail", "-n", "3", "notes.txt"},
        {"wc", "-l", "notes.txt"},
        {"grep", "-c", "text", "notes.txt"},
        {"sed", "-n", "1,5p", "notes.txt"},
        {"awk", "{ words += NF } END { print words }", "notes.txt"},
        {"sort", "-r", "notes.txt"},
        {"cut", "-d", " ", "-f", "2", "notes.txt"},
        {"find", ".", "-name", "*.txt"},
        {"stat", "notes.txt"},
        {"ls", "-l"},
        {"git", "hash-object", "notes.txt"},
        {"sh", "-c", "test -f notes.txt && echo yes"},
        {"bash", "-c", "echo $((6 * 7))"},
        {"/usr/bin/python3", "-ISc", "print(open('notes.txt').readline())"},
    };
    return table;
}

std::span<const AgentMethod> agent_methods() {
    static const std::vector<AgentMethod> table{
        {reference_method, posix_spawn_calls},
        {"lib-posix_spawn", template_calls("posix_spawn")},
        {"clone3", template_calls("clone3")},
        {"warm", template_calls("warm")},
        {"kernel-warm", template_calls("kernel-warm")},
        {"kernel", template_calls("kernel")},
    };
    return table;
}

}  // namespace spawntpl::bench
