// SPDX-License-Identifier: MIT
#include "traced_command.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawnlat {

namespace {

/// Waits for the word, executes, and says why it could not.
[[noreturn]] void run_child(int socket, const std::vector<std::string>& words) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    std::vector<char*> argv;
    for (const std::string& word : words)
        argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);

    char go;
    if (read(socket, &go, 1) != 1)
        _exit(0);
    execvp(argv[0], argv.data());
    int error = errno;
    if (write(socket, &error, sizeof(error)) != sizeof(error))
        _exit(126);
    _exit(127);
}

}  // namespace

std::expected<TracedCommand, std::string> TracedCommand::create(std::vector<std::string> words) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return std::unexpected(std::string("cannot make a socket: ") + std::strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        run_child(ends[1], words);
    }
    int error = errno;
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return std::unexpected(std::string("cannot start a process: ") + std::strerror(error));
    }
    return TracedCommand(pid, ends[0]);
}

TracedCommand::TracedCommand(TracedCommand&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), socket_(std::exchange(other.socket_, -1)) {}

TracedCommand::~TracedCommand() {
    if (socket_ >= 0)
        close(socket_);
    if (pid_ > 0) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
}

std::expected<void, int> TracedCommand::start() {
    int error = 0;
    if (write(socket_, "g", 1) != 1)
        return std::unexpected(errno);
    // The end of file comes with its exec, which closes the socket.
    ssize_t size = read(socket_, &error, sizeof(error));
    if (size == sizeof(error))
        return std::unexpected(error);
    return {};
}

bool TracedCommand::forward(int signal_number) {
    return pid_ > 0 && !std::exchange(forwarded_, true) && kill(pid_, signal_number) == 0;
}

std::optional<int> TracedCommand::ended() {
    int status = 0;
    if (pid_ <= 0 || waitpid(pid_, &status, WNOHANG) != pid_)
        return std::nullopt;
    pid_ = 0;
    return status;
}

}  // namespace spawnlat
