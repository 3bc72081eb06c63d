// SPDX-License-Identifier: MIT
#include "warm_process.hpp"

#include "above_stdio.hpp"
#include "environment_block.hpp"
#include "passing_process.hpp"
#include "process_generation.hpp"
#include "process_stat.hpp"
#include "read_to_end.hpp"
#include "reaping.hpp"

#include <ctime>
#include <functional>
#include <span>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

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

/// A value of warm_variable.
std::string_view point_of_capture(const Program& program) {
    if (program.ready_args)
        return warm_at_ready;
    return uses_locales(program) ? warm_at_main_with_locale : warm_at_main;
}

std::string words(const Error& error) {
    return "the template process cannot be started: " + error.message();
}

/// Children of the calling process, or orphans: starts them there.
std::string started(bool orphans, const std::function<std::string()>& start) {
    std::string wrong;
    if (!orphans)
        return start();
    if (!in_passing_process([&] { wrong = start(); }))
        return "no process for what a broker starts: " + std::generic_category().message(errno);
    return wrong;
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
    return fd ? read_to_end(fd.get()).value_or("") : std::string();
}

}  // namespace

std::expected<std::shared_ptr<WarmProcess>, std::string> WarmProcess::start(const Launch& launch,
                                                                            CallerState state) {
    return while_files_rest([&]() -> std::expected<std::shared_ptr<WarmProcess>, std::string> {
        std::shared_ptr<WarmProcess> process(new WarmProcess(state));
        if (std::string wrong = process->run(launch); !wrong.empty())
            return std::unexpected(std::move(wrong));
        return process;
    });
}

WarmProcess::WarmProcess(CallerState state)
    : owner_(process_generation()), state_(std::move(state)) {}

WarmProcess::~WarmProcess() {
    int error = errno;
    // In a copy of the owner, the process is not its child.
    if (pidfd_ && process_generation() == owner_) {
        if (broker_)
            broker_->kill_and_reap(pid_, pidfd_);
        else
            kill_and_reap(pidfd_);
        lanes_.end();
    }
    errno = error;
}

std::string WarmProcess::why_unfit(const Launch& launch, const CallerState& now) const {
    if (has_ended())
        return "the template process has ended";
    if (process_generation() != owner_)
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
    if (!theirs)
        return "no socket: " + std::generic_category().message(errno);
    if (std::string wrong = lanes_.open(); !wrong.empty())
        return wrong;
    const bool has_broker = launch.program().broker;
    Fd brokers;
    if (has_broker) {
        if (std::string wrong = WarmBroker::why_none(); !wrong.empty())
            return wrong;
        broker_ = std::make_shared<WarmBroker>();
        if (!(brokers = broker_->open()))
            return "no socket: " + std::generic_category().message(errno);
    }

    auto program = Template::open(launch.program().path, {.backend = std::string(cold_backend())});
    if (!program)
        return words(program.error());
    std::vector<std::string> environment =
        template_environment(launch.envp(), warm_object(), point_of_capture(launch.program()));
    if (std::string wrong =
            started(has_broker, [&] { return why_not_preloaded(*program, launch, environment); });
        !wrong.empty())
        return wrong;
    // The last ones are the library's.
    if (environment.size() > warm_max_strings)
        return "the environment has too many entries";
    WarmPage& page = lanes_.page();
    page.has_broker = has_broker ? 1 : 0;
    page.entries = static_cast<std::uint32_t>(environment.size());
    for (std::size_t entry = 0; entry < environment.size(); ++entry) {
        if (read_before_main(environment[entry]) ||
            entry_has_name(environment[entry], warm_variable))
            page.keep(entry);
        if (likely_before_main(environment[entry]))
            page.guess(entry);
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
            page.device = status.st_dev;
            page.inode = status.st_ino;
        }
    }
    command.fd(warm_socket, theirs.get());
    lanes_.give_to(command);
    if (has_broker)
        command.fd(warm_broker, brokers.get());
    command.signal_mask(all_signals());
    std::optional<Child> child;
    if (std::string wrong = started(has_broker,
                                    [&]() -> std::string {
                                        auto spawned = program->spawn(command);
                                        if (!spawned)
                                            return words(spawned.error());
                                        child = std::move(*spawned);
                                        return {};
                                    });
        !wrong.empty())
        return wrong;
    // That of the broker, until the template process tells its own.
    pid_ = child->pid();
    // Until it is known to end with this object.
    child->stop_at_end(StopPolicy::killing());
    pidfd_ = Fd(fcntl(child->pidfd(), F_DUPFD_CLOEXEC, first_after_stdio));
    if (!pidfd_)
        return "no descriptor: " + std::generic_category().message(errno);
    if (has_broker) {
        Fd pidfd(fcntl(child->pidfd(), F_DUPFD_CLOEXEC, first_after_stdio));
        if (!pidfd)
            return "no descriptor: " + std::generic_category().message(errno);
        broker_->set(pid_, std::move(pidfd));
    }
    child->detach();
    // The end of the template process is to be seen.
    theirs.reset();
    brokers.reset();
    lanes_.keep_own_part();
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
    auto search = LibrarySearch::ask(program, launch.argv()[0], environment);
    if (!search)
        return std::move(search.error());
    libraries_ = std::move(*search);
    if (std::string wrong = libraries_.why_not_repeated(); !wrong.empty())
        return wrong;
    if (!libraries_.loads(warm_object()))
        return "the dynamic linker does not load " + warm_object();
    libraries_.add_to(files_);
    return {};
}

/// The next message of the template process, without what is the same in all; or why there is none,
/// in words.
std::expected<std::pair<WarmHello, std::string>, std::string> WarmProcess::hear_news(
    const Program& program) const {
    std::string point = program.ready_args ? "spawntpl_ready()" : "its main()";
    std::string text(warm_max_hello, '\0');
    ssize_t length = -1;
    for (int looks = 0; length < 0; ++looks) {
        // With MSG_TRUNC, the length of a message that is too long.
        length = recv(control_.fd(), text.data(), text.size(), MSG_TRUNC);
        if (length >= 0)
            continue;
        if (errno == EINTR && !is_stopped(pid_)) {
            --looks;
            continue;
        }
        if (errno != EAGAIN || looks >= max_looks_at_capture || is_stopped(pid_))
            return std::unexpected("the template process does not come to " + point);
    }
    if (length == 0)
        return std::unexpected("the template process has ended before " + point);
    WarmHello hello;
    std::span<const char> names;
    const char* wrong = "a message that is too long";
    if (static_cast<std::size_t>(length) <= text.size())
        wrong = decode_warm_hello(
            std::as_bytes(std::span(text).first(static_cast<std::size_t>(length))), hello, names);
    if (wrong)
        return std::unexpected("nobody understands what " + warm_object() + " says: " + wrong);
    return std::pair(hello, std::string(names.begin(), names.end()));
}

std::string WarmProcess::hear_hello(const Launch& launch) {
    std::set<std::string, std::less<>> variables;
    for (;;) {
        auto news = hear_news(launch.program());
        if (!news)
            return std::move(news.error());
        auto& [hello, names] = *news;
        if (hello.news == WarmNews::arrival) {
            if (std::string wrong = find_process(hello.pid); !wrong.empty())
                return wrong;
            environment_ = EntriesBeforeMain(launch.envp(), std::move(variables));
            return names.c_str();
        }
        for (std::size_t at = 0; at < names.size(); at = names.find('\0', at) + 1) {
            std::string name = names.c_str() + at;
            if (hello.news == WarmNews::variables) {
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

/// Where there is a broker, that has been started, and then made the template process: it is what
/// has this number.
std::string WarmProcess::find_process(pid_t pid) {
    if (broker_) {
        Fd pidfd = above_stdio(open_process(pid).release());
        auto stat = read_stat(pid);
        if (!pidfd || !stat || stat->parent != broker_->pid())
            return "the template process is not its broker's child";
        pid_ = pid;
        pidfd_ = std::move(pidfd);
    }
    return pid == pid_ ? "" : "the template process is another one than was started";
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
    // It leads one of its own before it has children, if they can be told the caller's: that of a
    // caller who came from another pid namespace has no number.
    if (state_.process_group != 0)
        state_.process_group = pid_;
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

}  // namespace spawntpl::detail
