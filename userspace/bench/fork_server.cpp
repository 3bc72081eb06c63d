// SPDX-License-Identifier: MIT
#include "fork_server.hpp"

#include "baselines.hpp"
#include "elf_file.hpp"
#include "exec_vectors.hpp"
#include "fork_server.h"
#include "own_process.hpp"
#include "programs.hpp"
#include "stopwatch.hpp"

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::bench {

namespace {

std::string failure(const std::string& what, int error) {
    return what + ": " + std::generic_category().message(error);
}

bool is_static(const std::string& path) {
    detail::ElfFile file(path);
    return file.read_header() && file.interpreter() == "";
}

[[noreturn]] void execute_server(const Fd& socket, const Invocation& invocation,
                                 const std::string& object) {
    const char* others = std::getenv("LD_PRELOAD");
    setenv("LD_PRELOAD", (others ? object + ":" + others : object).c_str(), 1);
    setenv("LD_BIND_NOW", "1", 1);
    // A server that it ended could leave a child that nobody knows.
    block_interrupt();
    dup2(socket.get(), fork_server_socket);
    // It is not inherited if it was this one already.
    fcntl(fork_server_socket, F_SETFD, 0);
    execute(ExecVectors(invocation).arguments());
}

class ForkServerRunner : public Runner {
public:
    explicit ForkServerRunner(OwnProcess server) : server_(std::move(server)) {}

    std::expected<Run, std::string> run() override {
        Stopwatch watch;
        send(server_.socket().get(), "", 1, MSG_NOSIGNAL);
        auto pid = receive<pid_t>(server_.socket());
        watch.returned();
        if (!pid)
            return std::unexpected(pid.error());
        if (*pid < 0)
            return std::unexpected(failure("the fork server cannot clone itself", -*pid));
        int status;
        if (waitpid(*pid, &status, 0) != *pid)
            return std::unexpected(failure("cannot wait for the child", errno));
        return watch.ended(exit_status(status));
    }

private:
    OwnProcess server_;
};

}  // namespace

PreparedRunner prepare_fork_server(const Invocation& invocation) {
    if (is_static(invocation.path))
        return unavailable("the program is static: it loads no object that makes it a server");
    std::string object = payload("fork-server.so");
    if (access(object.c_str(), R_OK) != 0)
        return unavailable(failure("cannot read " + object, errno));
    auto server =
        OwnProcess::start([&](const Fd& socket) { execute_server(socket, invocation, object); });
    if (!server)
        return unavailable(server.error());
    auto ready = receive<pid_t>(server->socket());
    if (!ready)
        return unavailable("the program has ended, or failed, without becoming a server");
    if (*ready < 0)
        return unavailable(failure("the kernel does not tell where a thread's id is", -*ready));
    return std::make_unique<ForkServerRunner>(std::move(*server));
}

}  // namespace spawntpl::bench
