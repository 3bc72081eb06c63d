// SPDX-License-Identifier: MIT
#include "warm_process.hpp"

#include "above_stdio.hpp"
#include "environment_block.hpp"
#include "process_stat.hpp"

#include <algorithm>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

/// The most looks at a template process that does not come to its main().
constexpr int max_looks_at_capture = 100;

/// How many children are made at once and not at leisure, after a start that had to wait for one.
constexpr int max_busy_starts = 16;

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

/// A value of warm_variable.
std::string_view point_of_capture(const Program& program) {
    if (program.ready_args)
        return warm_at_ready;
    return uses_locales(program) ? warm_at_main_with_locale : warm_at_main;
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

/// Of a child. Others may have reaped it.
void kill_and_reap(const Fd& pidfd) {
    siginfo_t info;
    // Another process may have got the number of one that others have reaped.
    if (wait_for(static_cast<idtype_t>(P_PIDFD), pidfd.get(), info,
                 WEXITED | WNOHANG | WNOWAIT | __WALL) != 0)
        return;
    syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
    wait_for(static_cast<idtype_t>(P_PIDFD), pidfd.get(), info, WEXITED | __WALL);
}

/// Not by a wait, which others may have done.
bool is_stopped(pid_t pid) {
    auto stat = read_stat(pid);
    return stat && stat->state == 'T';
}

std::string read_all(int fd) {
    std::string text;
    char buffer[4096];
    ssize_t length;
    while ((length = read(fd, buffer, sizeof(buffer))) > 0 || (length < 0 && errno == EINTR))
        if (length > 0)
            text.append(buffer, static_cast<std::size_t>(length));
    return text;
}

/// Whether the calling thread may look at another process: not if it is in a sandbox, such as a
/// domain of landlock(7), that the other is not in. Nothing else tells of that.
bool may_look_at(pid_t pid) {
    void* list;
    std::size_t size;
    return syscall(SYS_get_robust_list, pid, &list, &size) == 0 || errno != EPERM;
}

std::string read_status(const std::string& process) {
    Fd fd(open(("/proc/" + process + "/status").c_str(), O_RDONLY | O_CLOEXEC));
    return fd ? read_all(fd.get()) : std::string();
}

/// The environment in which the dynamic linker tells what it would do in @p environment.
std::vector<std::string> tracing(std::vector<std::string> environment) {
    std::erase_if(environment,
                  [](const std::string& entry) { return entry.starts_with("LD_DEBUG"); });
    environment.emplace_back("LD_TRACE_LOADED_OBJECTS=1");
    environment.emplace_back("LD_DEBUG=libs");
    return environment;
}

/// Until what changes now gets another time than what changes then.
void wait_for_clock_of_files() {
    timespec time;
    clock_getres(CLOCK_REALTIME_COARSE, &time);
    nanosleep(&time, nullptr);
}

}  // namespace

std::expected<std::shared_ptr<WarmProcess>, std::string> WarmProcess::start(const Launch& launch,
                                                                            CallerState state) {
    // Where a file changes meanwhile, once more.
    std::shared_ptr<WarmProcess> earlier;
    for (int tries = 0; tries < 3; ++tries) {
        timespec before;
        clock_gettime(CLOCK_REALTIME_COARSE, &before);
        std::shared_ptr<WarmProcess> process(new WarmProcess(state));
        if (std::string wrong = process->run(launch); !wrong.empty())
            return std::unexpected(std::move(wrong));
        if (!process->files_.changed_since(before, earlier ? &earlier->files_ : nullptr) &&
            !process->files_.changed())
            return process;
        earlier = std::move(process);
        wait_for_clock_of_files();
    }
    return std::unexpected("the program's files are being changed");
}

WarmProcess::WarmProcess(CallerState state) : owner_(getpid()), state_(std::move(state)) {}

WarmProcess::~WarmProcess() {
    int error = errno;
    // In a copy of the owner, the process is not its child.
    if (pidfd_ && getpid() == owner_) {
        kill_and_reap(pidfd_);
        for (std::size_t lane = 0; lane < lanes_.size(); ++lane)
            end_child(lane);
    }
    if (page_)
        munmap(page_, sizeof(*page_));
    errno = error;
}

std::string WarmProcess::why_unfit(const Launch& launch, const CallerState& now) const {
    if (ended_)
        return "the template process has ended";
    if (getpid() != owner_)
        return "the template process is that of another process";
    if (std::string_view what = now.difference(state_); !what.empty())
        return "the caller's " + std::string(what) + " is not what the template process has";
    if (!may_look_at(pid_))
        return "the caller may not look at the template process: it is in a sandbox of its own";
    if (!environment_.same(launch.envp()))
        return "an environment variable that libraries read is not what the template process has";
    // Nor if it is on a file system from which nothing is executed any more.
    const std::string& path = launch.program().path;
    if (faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) != 0)
        return "the file " + path + " cannot be executed";
    if (const std::string* file = files_.changed())
        return "the file " + *file + " has changed";
    return {};
}

std::string WarmProcess::run(const Launch& launch) {
    Fd theirs = control_.open();
    std::array<Fd, warm_lanes> lanes;
    for (std::size_t lane = 0; lane < lanes.size(); ++lane)
        lanes[lane] = lanes_[lane].channel.open();
    if (!theirs || !std::ranges::all_of(lanes, [](const Fd& fd) { return bool(fd); }))
        return "no socket: " + std::generic_category().message(errno);
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
    std::vector<std::string> environment =
        template_environment(launch.envp(), warm_object(), point_of_capture(launch.program()));
    if (std::string wrong = why_not_preloaded(*program, launch, environment); !wrong.empty())
        return wrong;
    // The last ones are the library's.
    if (environment.size() > warm_max_strings)
        return "the environment has too many entries";
    page_->entries = static_cast<std::uint32_t>(environment.size());
    for (std::size_t entry = 0; entry < environment.size(); ++entry) {
        if (read_before_main(environment[entry]) ||
            entry_has_name(environment[entry], warm_variable))
            page_->keep(entry);
        if (likely_before_main(environment[entry]))
            page_->guess(entry);
    }
    Command command;
    command.arg0(launch.argv()[0]).env(std::move(environment));
    if (const auto& ready_args = launch.program().ready_args)
        command.args(*ready_args);
    command.null(STDIN_FILENO).null(STDOUT_FILENO).null(STDERR_FILENO);
    // What a program does before spawntpl_ready() is its own affair.
    Fd output, directory;
    if (!launch.program().ready_args) {
        output = Fd(memfd_create("spawntpl-warm-output", MFD_CLOEXEC));
        if (!output)
            return "no memory for output: " + std::generic_category().message(errno);
        command.fd(STDOUT_FILENO, output.get()).fd(STDERR_FILENO, output.get());
        directory = above_stdio(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
        struct stat status;
        if (directory && fstat(directory.get(), &status) == 0) {
            command.cwd_at(directory.get());
            page_->device = status.st_dev;
            page_->inode = status.st_ino;
        }
    }
    command.fd(warm_socket, theirs.get()).fd(warm_page, page.get());
    for (std::size_t lane = 0; lane < lanes.size(); ++lane)
        command.fd(warm_first_lane + static_cast<int>(lane), lanes[lane].get());
    command.signal_mask(all_signals());
    auto child = program->spawn(command);
    if (!child)
        return words(child.error());
    pid_ = child->pid();
    // Until it is known to end with this object.
    child->stop_at_end(StopPolicy::killing());
    pidfd_ = Fd(fcntl(child->pidfd(), F_DUPFD_CLOEXEC, first_after_stdio));
    if (!pidfd_)
        return "no descriptor: " + std::generic_category().message(errno);
    child->detach();
    // The end of the template process is to be seen.
    theirs.reset();
    lanes = {};
    std::string wrong = hear_hello(launch);
    if (wrong.empty() && output && lseek(output.get(), 0, SEEK_END) != 0)
        wrong = "the dynamic linker or a library writes before main()";
    if (wrong.empty())
        wrong = compare_status(launch.program());
    if (wrong.empty())
        wrong = watch_files(launch.program().path);
    return wrong;
}

/// Whether the dynamic linker loads the preloaded object into this program, and what it loads at
/// all: without it the program itself would run in the place of a template process. What it has
/// looked for is to be watched.
std::string WarmProcess::why_not_preloaded(const Template& program, const Launch& launch,
                                           const std::vector<std::string>& environment) {
    Fd ends[2];
    if (int fds[2]; pipe2(fds, O_CLOEXEC) == 0) {
        ends[0] = above_stdio(fds[0]);
        ends[1] = above_stdio(fds[1]);
    }
    if (!ends[0] || !ends[1])
        return "no pipe: " + std::generic_category().message(errno);
    Command command;
    command.arg0(launch.argv()[0]).env(tracing(environment)).null(STDIN_FILENO);
    command.fd(STDOUT_FILENO, ends[1].get()).fd(STDERR_FILENO, ends[1].get());
    auto child = program.spawn(command);
    if (!child)
        return words(child.error());
    ends[1].reset();
    libraries_ = LibrarySearch(read_all(ends[0].get()));
    // Others may reap all children.
    if (auto status = child->wait(); status && !status->success())
        return "the dynamic linker does not load the program";
    if (std::string wrong = libraries_.why_not_repeated(); !wrong.empty())
        return wrong;
    if (!libraries_.loads(warm_object()))
        return "the dynamic linker does not load " + warm_object();
    libraries_.add_to(files_);
    return {};
}

/// The next message of the template process, without what is the same in all; or why there is none,
/// in words.
std::expected<std::pair<WarmNews, std::string>, std::string> WarmProcess::hear_news(
    const Program& program) const {
    std::string point = program.ready_args ? "spawntpl_ready()" : "its main()";
    std::string text(warm_max_hello, '\0');
    ssize_t length = -1;
    for (int looks = 0; length < 0; ++looks) {
        length = recv(control_.fd(), text.data(), text.size(), 0);
        if (length >= 0 || errno == EINTR)
            continue;
        if (errno != EAGAIN || looks >= max_looks_at_capture || is_stopped(pid_))
            return std::unexpected("the template process does not come to " + point);
    }
    WarmHello hello{};
    if (length == 0)
        return std::unexpected("the template process has ended before " + point);
    text.resize(static_cast<std::size_t>(length));
    if (text.size() <= sizeof(hello) || text.back() != '\0')
        return std::unexpected("the template process says what nobody understands");
    std::memcpy(&hello, text.data(), sizeof(hello));
    if (hello.magic != warm_magic || hello.version != warm_version)
        return std::unexpected(warm_object() + " is of another version");
    return std::pair(hello.news, text.substr(sizeof(hello)));
}

std::string WarmProcess::hear_hello(const Launch& launch) {
    std::set<std::string, std::less<>> variables;
    for (;;) {
        auto news = hear_news(launch.program());
        if (!news)
            return std::move(news.error());
        auto& [kind, names] = *news;
        if (kind == WarmNews::arrival) {
            environment_ = EntriesBeforeMain(launch.envp(), std::move(variables));
            return names.c_str();
        }
        for (std::size_t at = 0; at < names.size(); at = names.find('\0', at) + 1) {
            std::string name = names.c_str() + at;
            if (kind == WarmNews::variables) {
                variables.insert(std::move(name));
            } else if (name.starts_with('/')) {
                libraries_.add_later(files_, name);
                files_.add(std::move(name));
            } else {
                return "the file \"" + name + "\" is one of the working directory";
            }
        }
    }
}

/// An exec may take capabilities away, or give some, that a child would have to do without, or
/// would have, when it carries out what the Command says. And a program may have changed its own
/// rights before it called spawntpl_ready().
std::string WarmProcess::compare_status(const Program& program) {
    std::string own = read_status("thread-self"), other = read_status(std::to_string(pid_));
    if (own.empty() || other.empty())
        return "/proc/PID/status cannot be read";
    if (std::string_view what = CallerState::difference_of_status(own, other); !what.empty())
        return "the program, once it runs, has other " + std::string(what) + " than the caller";
    if (!may_look_at(pid_))
        return "the caller may not look at the program once it runs";
    CallerState callers = state_;
    state_.take_settable_of(pid_, other);
    std::string_view changed = callers.difference_of_settable(state_);
    if (!changed.empty() && !program.ready_args)
        return "a library changes the " + std::string(changed) + " before main()";
    return {};
}

std::string WarmProcess::watch_files(const std::string& path) {
    // Where the dynamic linker and libc look first.
    for (const char* file : {"/etc/ld.so.cache", "/etc/ld.so.preload",
                             "/usr/lib/locale/locale-archive", "/usr/share/locale/locale.alias"})
        files_.add(file);
    // Another file may have taken its name meanwhile.
    struct stat loaded, named;
    std::string link = "/proc/" + std::to_string(pid_) + "/exe";
    if (stat(link.c_str(), &loaded) != 0 || stat(path.c_str(), &named) != 0 ||
        loaded.st_dev != named.st_dev || loaded.st_ino != named.st_ino)
        return "the program's file is being changed";
    files_.add(path);
    files_.watch();
    return {};
}

/// The use of a lane by one start.
class WarmProcess::Turn {
public:
    /// Waits until one is free.
    Turn(WarmProcess& process, bool on_demand) : process_(process) {
        std::unique_lock lock(process.mutex_);
        process.free_.wait(lock, [&] {
            std::size_t first = on_demand ? warm_lane_on_demand : 0;
            std::size_t end = on_demand ? warm_lanes : warm_lane_on_demand;
            for (lane_ = first; lane_ < end; ++lane_)
                if (!process.lanes_[lane_].busy)
                    return true;
            return false;
        });
        process.lanes_[lane_].busy = true;
    }

    Turn(const Turn&) = delete;

    ~Turn() {
        {
            std::lock_guard lock(process_.mutex_);
            process_.lanes_[lane_].busy = false;
        }
        // Not any of them: they may wait for different lanes.
        process_.free_.notify_all();
    }

    std::size_t lane() const { return lane_; }

private:
    WarmProcess& process_;
    std::size_t lane_;
};

WarmProcess::Answer WarmProcess::spawn(const WarmMessage& message, const Launch& launch) {
    const std::optional<int>& cgroup = launch.command().attributes().cgroup;
    Turn turn(*this, cgroup.has_value());
    Lane& lane = lanes_[turn.lane()];
    bool in_advance = lane.filled;
    if (ended_ || (!in_advance && !fill(turn.lane(), false, cgroup)))
        return Gone{};
    WarmReply reply{};
    Fd pidfd;
    if (!lane.channel.receive(lane.serial, reply, pidfd, MSG_DONTWAIT)) {
        // Starts follow each other closely.
        lane.busy_starts = max_busy_starts;
        hurry();
        if (!hear(turn.lane(), reply, pidfd))
            return give_up(turn.lane(), pidfd);
    }
    // What was missing for a child then may be there now.
    if (reply.step == WarmStep::clone && in_advance &&
        (!fill(turn.lane(), false, cgroup) || !hear(turn.lane(), reply, pidfd)))
        return give_up(turn.lane(), pidfd);
    if (reply.step == WarmStep::ready) {
        if (!pidfd)
            // There was no room for it. The child has not got its request: it is still there.
            pidfd = above_stdio(static_cast<int>(syscall(SYS_pidfd_open, reply.pid, 0)));
        if (!pidfd) {
            Error error = launch.clone_error(errno);
            give_up(turn.lane(), pidfd);
            return error;
        }
        if (!lane.channel.send(message.bytes(), message.fds())) {
            int error = errno;
            give_up(turn.lane(), pidfd);
            if (error == EPIPE || error == ECONNRESET)
                return Gone{};
            return Refused{"the request cannot be sent: " + std::generic_category().message(error)};
        }
        if (!hear(turn.lane(), reply, pidfd))
            return give_up(turn.lane(), pidfd);
    }
    lane.filled = false;
    ++starts_;
    // For the next start.
    if (turn.lane() != warm_lane_on_demand)
        fill(turn.lane(), lane.busy_starts == 0);
    if (lane.busy_starts != 0)
        --lane.busy_starts;
    return judge(reply, std::move(pidfd), message);
}

/// Has the template process make a child.
bool WarmProcess::fill(std::size_t lane, bool at_leisure, std::optional<int> cgroup) {
    lanes_[lane].serial = ++serial_;
    page_->children[lane] = 0;
    WarmFill fill{.magic = warm_magic,
                  .version = warm_version,
                  .lane = static_cast<std::uint32_t>(lane),
                  .serial = lanes_[lane].serial,
                  .at_leisure = at_leisure};
    std::span<const int> fds(cgroup ? &*cgroup : nullptr, cgroup ? 1 : 0);
    lanes_[lane].filled = control_.send(std::as_bytes(std::span(&fill, 1)), fds);
    if (!lanes_[lane].filled)
        ended_ = true;
    return lanes_[lane].filled;
}

/// Has the template process begin with what it was to do at leisure.
void WarmProcess::hurry() {
    WarmFill nothing{.magic = warm_magic,
                     .version = warm_version,
                     .lane = warm_no_lane,
                     .serial = 0,
                     .at_leisure = 0};
    control_.send(std::as_bytes(std::span(&nothing, 1)), {});
}

/// Waits for what a child says; false if it will not say anything.
bool WarmProcess::hear(std::size_t lane, WarmReply& reply, Fd& pidfd) {
    const Lane& own = lanes_[lane];
    while (!own.channel.receive(own.serial, reply, pidfd)) {
        // It may have said its word between the look at the socket and its end.
        if (errno == EPIPE || (!child_may_answer(lane, pidfd) &&
                               !own.channel.receive(own.serial, reply, pidfd, MSG_DONTWAIT)))
            return false;
    }
    return true;
}

/// Whether what is late may still come. What is stopped is ended.
bool WarmProcess::child_may_answer(std::size_t lane, const Fd& pidfd) const {
    auto is_over = [](const Fd& process, pid_t pid) {
        pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
        if (poll(&ended, 1, 0) > 0)
            return true;
        if (is_stopped(pid))
            syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
        return false;
    };
    pid_t child = page_->children[lane];
    if (pidfd)
        return !is_over(pidfd, child);
    if (child == 0)
        return !is_over(pidfd_, pid_);
    Fd found(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
    return found && !is_over(found, child);
}

/// Nobody uses the process any more after a child that has ended too early.
WarmProcess::Answer WarmProcess::give_up(std::size_t lane, const Fd& pidfd) {
    ended_ = true;
    if (pidfd) {
        lanes_[lane].filled = false;
        kill_and_reap(pidfd);
    }
    return Gone{};
}

WarmProcess::Answer WarmProcess::judge(const WarmReply& reply, Fd pidfd,
                                       const WarmMessage& message) {
    if (reply.step == WarmStep::started)
        return Started{reply.pid, std::move(pidfd)};
    if (pidfd) {
        siginfo_t info;
        wait_for(static_cast<idtype_t>(P_PIDFD), pidfd.get(), info, WEXITED | __WALL);
    }
    if (reply.step == WarmStep::refused)
        return Refused{reply.error == EMFILE ? "the template process may not have so many "
                                               "descriptors"
                                             : "the template process does not take the request"};
    if (auto error = message.error(reply))
        return std::move(*error);
    return Refused{"a child cannot be made like the caller: " +
                   std::generic_category().message(reply.error)};
}

/// Reaps the child of a lane that no start has used. There is no template process any more.
void WarmProcess::end_child(std::size_t lane) {
    Lane& own = lanes_[lane];
    if (!own.filled)
        return;
    WarmReply reply{};
    Fd pidfd;
    bool ready = own.channel.receive(own.serial, reply, pidfd, MSG_DONTWAIT);
    // It ends when it sees this, but not while it is stopped.
    own.channel.close();
    if (!pidfd && (ready || page_->children[lane] != 0))
        pidfd = Fd(static_cast<int>(syscall(SYS_pidfd_open, page_->children[lane], 0)));
    if (pidfd)
        kill_and_reap(pidfd);
}

}  // namespace spawntpl::detail
