// SPDX-License-Identifier: MIT
#include "helper.hpp"

#include "baselines.hpp"
#include "exec_vectors.hpp"
#include "own_process.hpp"
#include "stopwatch.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::bench {

namespace {

constexpr int passed_fds = 3;
constexpr std::size_t longest_request = 128 * 1024;

/// A request: this, then as many strings, each with its NUL: the path, arguments, environment.
struct Header {
    std::uint32_t search;
    std::uint32_t args;
    std::uint32_t variables;
};

struct Answer {
    std::int32_t value;  ///< the pid or, later, the status of waitpid()
    std::int32_t error;  ///< or this errno
};

/// Bytes with three descriptors, for sendmsg() or recvmsg().
struct Message {
    explicit Message(std::vector<char>& bytes) : part{bytes.data(), bytes.size()} {
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control;
        header.msg_controllen = sizeof(control);
    }

    Message(const Message&) = delete;

    iovec part;
    alignas(cmsghdr) char control[CMSG_SPACE(passed_fds * sizeof(int))] = {};
    msghdr header{};
};

void append(std::vector<char>& request, const char* text) {
    request.insert(request.end(), text, text + std::strlen(text) + 1);
}

std::vector<char> pack(const ExecArguments& arguments) {
    Header header{arguments.search, 0, 0};
    std::vector<char> request(sizeof(header));
    append(request, arguments.path);
    for (; arguments.argv[header.args]; ++header.args)
        append(request, arguments.argv[header.args]);
    for (; arguments.envp[header.variables]; ++header.variables)
        append(request, arguments.envp[header.variables]);
    std::memcpy(request.data(), &header, sizeof(header));
    return request;
}

bool send_request(const Fd& socket, std::vector<char>& request) {
    const int fds[passed_fds] = {0, 1, 2};
    Message message(request);
    cmsghdr* passed = CMSG_FIRSTHDR(&message.header);
    passed->cmsg_level = SOL_SOCKET;
    passed->cmsg_type = SCM_RIGHTS;
    passed->cmsg_len = CMSG_LEN(sizeof(fds));
    std::memcpy(CMSG_DATA(passed), fds, sizeof(fds));
    return sendmsg(socket.get(), &message.header, MSG_NOSIGNAL) >= 0;
}

/// The helper's side.
class Helper {
public:
    explicit Helper(const Fd& socket) : socket_(socket), buffer_(longest_request) {}

    void serve() {
        while (receive_request()) {
            pid_t pid = start();
            answer(pid, pid < 0 ? errno : 0);
            if (pid < 0)
                continue;
            int status = 0;
            pid_t waited = waitpid(pid, &status, 0);
            answer(status, waited < 0 ? errno : 0);
        }
    }

private:
    bool receive_request() {
        Message message(buffer_);
        if (recvmsg(socket_.get(), &message.header, MSG_CMSG_CLOEXEC) <= 0)
            return false;
        cmsghdr* passed = CMSG_FIRSTHDR(&message.header);
        if (!passed || passed->cmsg_len != CMSG_LEN(passed_fds * sizeof(int)))
            return false;
        std::memcpy(fds_.data(), CMSG_DATA(passed), passed_fds * sizeof(int));
        unpack();
        return true;
    }

    void unpack() {
        Header header;
        std::memcpy(&header, buffer_.data(), sizeof(header));
        char* text = buffer_.data() + sizeof(header);
        auto next = [&] {
            char* start = text;
            text += std::strlen(text) + 1;
            return start;
        };
        search_ = header.search != 0;
        path_ = next();
        argv_.clear();
        envp_.clear();
        for (std::uint32_t i = 0; i < header.args; ++i)
            argv_.push_back(next());
        for (std::uint32_t i = 0; i < header.variables; ++i)
            envp_.push_back(next());
        argv_.push_back(nullptr);
        envp_.push_back(nullptr);
    }

    pid_t start() {
        volatile int error = 0;
        pid_t pid = vfork();
        if (pid == 0) {
            for (int fd = 0; fd < passed_fds; ++fd)
                dup2(fds_[static_cast<std::size_t>(fd)], fd);
            if (search_)
                execvpe(path_, argv_.data(), envp_.data());
            else
                execve(path_, argv_.data(), envp_.data());
            error = errno;
            _exit(127);
        }
        for (int fd : fds_)
            close(fd);
        if (pid > 0 && error != 0) {
            waitpid(pid, nullptr, 0);
            errno = error;
            return -1;
        }
        return pid;
    }

    void answer(int value, int error) {
        Answer message{value, error};
        send(socket_.get(), &message, sizeof(message), MSG_NOSIGNAL);
    }

    const Fd& socket_;
    std::vector<char> buffer_;
    std::array<int, passed_fds> fds_{};
    bool search_ = false;
    const char* path_ = nullptr;
    std::vector<char*> argv_;
    std::vector<char*> envp_;
};

class HelperRunner : public Runner {
public:
    HelperRunner(OwnProcess helper, const Invocation& invocation)
        : helper_(std::move(helper)), vectors_(invocation) {}

    std::expected<Run, std::string> run() override {
        Stopwatch watch;
        std::vector<char> request = pack(vectors_.arguments());
        if (request.size() > longest_request)
            return std::unexpected("a request of " + std::to_string(request.size()) +
                                   " bytes is more than the helper takes");
        if (!send_request(helper_.socket(), request))
            return failure("cannot ask the helper", errno);
        auto started = receive<Answer>(helper_.socket());
        watch.returned();
        if (!started)
            return std::unexpected(started.error());
        if (started->error != 0)
            return failure("the helper cannot start the program", started->error);
        auto ended = receive<Answer>(helper_.socket());
        if (!ended)
            return std::unexpected(ended.error());
        return watch.ended(exit_status(ended->value));
    }

private:
    static std::unexpected<std::string> failure(const std::string& what, int error) {
        return std::unexpected(what + ": " + std::generic_category().message(error));
    }

    OwnProcess helper_;
    ExecVectors vectors_;
};

}  // namespace

PreparedRunner prepare_helper(const Invocation& invocation) {
    auto helper = OwnProcess::start([](const Fd& socket) { Helper(socket).serve(); });
    if (!helper)
        return unavailable(helper.error());
    return std::make_unique<HelperRunner>(std::move(*helper), invocation);
}

}  // namespace spawntpl::bench
