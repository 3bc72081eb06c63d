// SPDX-License-Identifier: MIT
#include "python_process.hpp"

#include "own_process.hpp"
#include "programs.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace spawntpl::bench {

namespace {

constexpr const char* python = "/usr/bin/python3";

}  // namespace

std::string why_no_python() {
    return access(python, X_OK) == 0 ? "" : std::string("there is no ") + python;
}

void execute_python(const Fd& socket, std::string_view script, const nlohmann::json& request) {
    std::string path = payload(script);
    std::string text = request.dump();
    // Until the script says what becomes of it.
    block_interrupt();
    dup2(socket.get(), STDIN_FILENO);
    dup2(open("/dev/null", O_RDWR | O_CLOEXEC), STDOUT_FILENO);
    execl(python, python, "-ISB", path.c_str(), text.c_str(), nullptr);
    _exit(127);
}

}  // namespace spawntpl::bench
