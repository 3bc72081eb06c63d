// SPDX-License-Identifier: MIT
#include "warm_process.hpp"

#include "above_stdio.hpp"
#include "process_stat.hpp"
#include "warm_environment.hpp"

#include <spawntpl/run.hpp>
#include <spawntpl/template.hpp>

#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

/// How often a wait for an answer looks whether one can still come.
constexpr timeval look_around{.tv_sec = 0, .tv_usec = 100'000};

/// The most looks at a template process that does not come to its main().
constexpr int max_looks_at_capture = 100;

/// The name of the backend that starts a template process.
std::string_view cold_backend() {
    auto chosen = choose_backends("");
    return chosen ? chosen->front()->name() : std::string_view();
}

SignalSet all_signals() {
    SignalSet set;
    for (int signal = 1; signal <= 64; ++signal)
        set.add(signal);
    return set;
}

std::string words(const Error& error) {
    return "the template process cannot be started: " + error.message();
}

long wait_for(idtype_t type, pid_t id, siginfo_t& info, int options) {
    long result;
    info = {};
    do
        result = syscall(SYS_waitid, type, id, &info, options, nullptr);
    while (result < 0 && errno == EINTR);
    return result;
}

/// Whether the dynamic linker loads the preloaded object into this program, and what it loads at
/// all: without it the program itself would run in the place of a template process.
std::string why_not_preloaded(const Template& program, const Launch& launch,
                              const std::vector<std::string>& environment) {
    std::vector<std::string> entries = environment;
    entries.emplace_back("LD_TRACE_LOADED_OBJECTS=1");
    Command command;
    command.arg0(launch.argv()[0]).env(std::move(entries)).null(STDIN_FILENO);
    auto listed = spawntpl::run(program, command);
    if (!listed)
        return words(listed.error());
    if (!listed->success())
        return "the dynamic linker does not load the program";
    if (listed->out.find(warm_object()) == std::string::npos)
        return "the dynamic linker does not load " + warm_object();
    return {};
}

}  // namespace

std::expected<std::unique_ptr<WarmProcess>, std::string> WarmProcess::start(const Launch& launch,
                                                                            CallerState state) {
    // Where a file changes meanwhile, once more.
    for (int tries = 0; tries < 3; ++tries) {
        timespec before;
        clock_gettime(CLOCK_REALTIME_COARSE, &before);
        std::unique_ptr<WarmProcess> process(new WarmProcess(launch, state));
        if (std::string wrong = process->run(launch); !wrong.empty())
            return std::unexpected(std::move(wrong));
        if (!process->files_.changed_since(before))
            return process;
    }
    return std::unexpected("the program's files are being changed");
}

WarmProcess::WarmProcess(const Launch& launch, CallerState state)
    : owner_(getpid()),
      state_(std::move(state)),
      environment_(entries_before_main(launch.envp())) {}

WarmProcess::~WarmProcess() {
    int error = errno;
    if (page_)
        munmap(page_, sizeof(*page_));
    // In a copy of the owner, the process is not its child.
    if (pidfd_ && getpid() == owner_) {
        syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
        siginfo_t info;
        wait_for(static_cast<idtype_t>(P_PIDFD), pidfd_.get(), info, WEXITED | __WALL);
    }
    errno = error;
}

std::string WarmProcess::why_unfit(const Launch& launch, const CallerState& now) const {
    if (getpid() != owner_)
        return "the template process is that of another process";
    if (std::string_view what = now.difference(state_); !what.empty())
        return "the caller's " + std::string(what) + " is not what the template process has";
    if (entries_before_main(launch.envp()) != environment_)
        return "an environment variable that libraries read is not what the template process has";
    if (const std::string* file = files_.changed())
        return "the file " + *file + " has changed";
    return {};
}

std::string WarmProcess::run(const Launch& launch) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return "no socket: " + std::generic_category().message(errno);
    socket_ = above_stdio(ends[0]);
    Fd theirs = above_stdio(ends[1]);
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &look_around, sizeof(look_around));
    Fd page(memfd_create("spawntpl-warm", MFD_CLOEXEC));
    if (!page || ftruncate(page.get(), sizeof(WarmPage)) != 0)
        return "no memory in common: " + std::generic_category().message(errno);
    void* mapped =
        mmap(nullptr, sizeof(WarmPage), PROT_READ | PROT_WRITE, MAP_SHARED, page.get(), 0);
    if (mapped == MAP_FAILED)
        return "no memory in common: " + std::generic_category().message(errno);
    page_ = static_cast<WarmPage*>(mapped);

    auto program = Template::open(launch.program().path, {.backend = std::string(cold_backend())});
    if (!program)
        return words(program.error());
    std::vector<std::string> environment = template_environment(launch.envp(), warm_object());
    if (std::string wrong = why_not_preloaded(*program, launch, environment); !wrong.empty())
        return wrong;
    Command command;
    command.arg0(launch.argv()[0]).env(std::move(environment));
    command.null(STDIN_FILENO).null(STDOUT_FILENO).null(STDERR_FILENO);
    command.fd(warm_socket, theirs.get()).fd(warm_page, page.get());
    command.signal_mask(all_signals());
    auto child = program->spawn(command);
    if (!child)
        return words(child.error());
    pid_ = child->pid();
    pidfd_ = Fd(fcntl(child->pidfd(), F_DUPFD_CLOEXEC, first_after_stdio));
    child->detach();
    theirs.reset();
    return hear_hello(launch.program().path);
}

std::string WarmProcess::hear_hello(const std::string& path) {
    std::vector<char> text(warm_max_request);
    ssize_t length = -1;
    for (int looks = 0; length < 0; ++looks) {
        length = recv(socket_.get(), text.data(), text.size(), 0);
        if (length < 0 && errno != EINTR && (errno != EAGAIN || looks >= max_looks_at_capture))
            return "the template process does not come to its main()";
    }
    WarmHello hello{};
    if (length == 0)
        return "the template process has ended before its main()";
    if (static_cast<std::size_t>(length) <= sizeof(hello) ||
        text[static_cast<std::size_t>(length) - 1] != '\0')
        return "the template process says what nobody understands";
    std::memcpy(&hello, text.data(), sizeof(hello));
    if (hello.magic != warm_magic || hello.version != warm_version)
        return warm_object() + " is of another version";
    const char* at = text.data() + sizeof(hello);
    const char* end = text.data() + length;
    if (*at != '\0')
        return at;
    for (++at; at < end; at += std::strlen(at) + 1)
        if (*at == '/')
            files_.add(at);
    for (const char* file : {"/etc/ld.so.cache", "/etc/ld.so.preload"})
        files_.add(file);
    // Another file may have taken its name meanwhile.
    struct stat loaded, named;
    std::string link = "/proc/" + std::to_string(pid_) + "/exe";
    if (stat(link.c_str(), &loaded) != 0 || stat(path.c_str(), &named) != 0 ||
        loaded.st_dev != named.st_dev || loaded.st_ino != named.st_ino)
        return "the program's file is being changed";
    files_.add(path);
    return {};
}

WarmProcess::Answer WarmProcess::spawn(WarmMessage& message, const Launch& launch) {
    page_->child = 0;
    int error = 0;
    if (!send(message.bytes(++serial_), message.fds(), error)) {
        if (error == EPIPE || error == ECONNRESET || error == ECONNREFUSED)
            return Gone{};
        return Refused{"the request cannot be sent: " + std::generic_category().message(error)};
    }
    for (;;) {
        WarmReply reply{};
        Fd pidfd;
        bool answered = receive(reply, pidfd, 0);
        bool gone = !answered && errno != EAGAIN && errno != EINTR;
        // It may have said its word between the look at the socket and its end.
        bool ended = !answered && child_has_ended() && !receive(reply, pidfd, MSG_DONTWAIT);
        if (ended)
            return reap_early(launch);
        if (reply.magic == warm_magic && reply.serial == serial_) {
            ++starts_;
            wait_until_closed();
            return judge(reply, std::move(pidfd), message, launch);
        }
        if (gone)
            return Gone{};
        if (!answered && is_stopped())
            syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
    }
}

/// Until the template process has no copies of the request's descriptors any more.
void WarmProcess::wait_until_closed() {
    constexpr timespec time{.tv_sec = 0, .tv_nsec = look_around.tv_usec * 1000};
    while (page_->closed != serial_) {
        page_->awaited = 1;
        std::uint32_t seen = page_->closed;
        if (seen != serial_ &&
            syscall(SYS_futex, &page_->closed, FUTEX_WAIT, seen, &time, nullptr, 0) != 0 &&
            errno == ETIMEDOUT) {
            pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
            if (poll(&ended, 1, 0) > 0)
                break;
            if (is_stopped())
                syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
        }
    }
    page_->awaited = 0;
}

bool WarmProcess::send(const std::vector<std::byte>& bytes, const std::vector<int>& fds,
                       int& error) {
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(warm_max_fds * sizeof(int))] = {};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    std::size_t size = fds.size() * sizeof(int);
    if (size != 0) {
        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(size);
        cmsghdr* rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(size);
        std::memcpy(CMSG_DATA(rights), fds.data(), size);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket_.get(), &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    error = errno;
    return sent >= 0;
}

/// False and errno, EPIPE at the end, if there is no answer.
bool WarmProcess::receive(WarmReply& reply, Fd& pidfd, int flags) {
    iovec part{&reply, sizeof(reply)};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
    ssize_t length = recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC | flags);
    if (length == 0)
        errno = EPIPE;
    if (length <= 0)
        return false;
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
        int fd;
        std::memcpy(&fd, CMSG_DATA(rights), sizeof(fd));
        pidfd = above_stdio(fd);
    }
    return true;
}

WarmProcess::Answer WarmProcess::judge(const WarmReply& reply, Fd pidfd, const WarmMessage& message,
                                       const Launch& launch) {
    if (reply.step == WarmStep::refused)
        return Refused{reply.error == EMFILE ? "the template process may not have so many "
                                               "descriptors"
                                             : "the template process does not take the request"};
    if (reply.step == WarmStep::started) {
        // There was no room for it; but it is this process's child, and may be gone already.
        if (!pidfd)
            pidfd = above_stdio(static_cast<int>(syscall(SYS_pidfd_open, reply.pid, 0)));
        if (pidfd || errno == ESRCH)
            return Started{reply.pid, std::move(pidfd)};
        int error = errno;
        kill(reply.pid, SIGKILL);
        siginfo_t info;
        wait_for(P_PID, reply.pid, info, WEXITED | __WALL);
        return launch.clone_error(error);
    }
    if (reply.step != WarmStep::clone) {
        siginfo_t info;
        wait_for(P_PID, reply.pid, info, WEXITED | __WALL);
    }
    if (auto error = message.error(reply))
        return std::move(*error);
    return Refused{"a child cannot be made like the caller: " +
                   std::generic_category().message(reply.error)};
}

/// Whether a child was born, and has ended.
bool WarmProcess::child_has_ended() const {
    siginfo_t info;
    return page_->child != 0 &&
           wait_for(P_PID, page_->child, info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 &&
           info.si_pid != 0;
}

/// A child that has ended before it could say a word.
Error WarmProcess::reap_early(const Launch& launch) {
    siginfo_t info;
    wait_for(P_PID, page_->child, info, WEXITED | __WALL);
    Error error = launch.program_error(EINTR, Step::execute);
    error.detail =
        "signal " + std::to_string(info.si_status) + " ended the child before it had a program";
    return error;
}

/// Not by a wait, which others may have done.
bool WarmProcess::is_stopped() const {
    auto stat = read_stat(pid_);
    return stat && stat->state == 'T';
}

}  // namespace spawntpl::detail
