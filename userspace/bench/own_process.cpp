// SPDX-License-Identifier: MIT
#include "own_process.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::bench {

namespace {

constexpr int patience = 10'000;  // ms

std::unexpected<std::string> failure(const std::string& what) {
    return std::unexpected(what + ": " + std::generic_category().message(errno));
}

bool ends_soon(pid_t pid) {
    Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd)
        return false;
    pollfd end{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
    int ready;
    do
        ready = poll(&end, 1, patience);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

pid_t parent_of(const std::filesystem::path& process) {
    std::ifstream status(process / "status");
    for (std::string word; status >> word;)
        if (pid_t parent; word == "PPid:" && status >> parent)
            return parent;
    return 0;
}

}  // namespace

void block_interrupt() {
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, nullptr);
}

std::set<pid_t> children() {
    std::set<pid_t> pids;
    for (const auto& entry : std::filesystem::directory_iterator("/proc"))
        if (parent_of(entry.path()) == getpid())
            pids.insert(std::atoi(entry.path().filename().c_str()));
    return pids;
}

std::expected<OwnProcess, std::string> OwnProcess::start(
    const std::function<void(const Fd& socket)>& serve) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return failure("cannot make a socket pair");
    Fd ours(ends[0]);
    Fd theirs(ends[1]);
    pid_t pid = fork();
    if (pid < 0)
        return failure("cannot start a process that starts programs");
    if (pid == 0) {
        // However this program ends, nothing of it is left.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        ours = Fd();
        serve(theirs);
        _exit(0);
    }
    return OwnProcess(pid, std::move(ours));
}

OwnProcess::OwnProcess(OwnProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), socket_(std::move(other.socket_)) {}

OwnProcess::~OwnProcess() {
    if (pid_ < 0)
        return;
    // Not by closing it: another one that was forked later has a copy.
    shutdown(socket_.get(), SHUT_RDWR);
    // What it has made itself, like warm templates, only it can wait for: the next measurement
    // would meet it dying.
    if (!ends_soon(pid_))
        kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

std::expected<void, std::string> receive(const Fd& socket, std::span<std::byte> message) {
    ssize_t size = recv(socket.get(), message.data(), message.size(), 0);
    if (size < 0)
        return failure("no answer of the process that starts programs");
    if (static_cast<std::size_t>(size) != message.size())
        return std::unexpected("the process that starts programs has ended");
    return {};
}

}  // namespace spawntpl::bench
