// SPDX-License-Identifier: MIT
//
// spawnlat: where the time goes between the call that starts a process and its end. This file has
// the command line and the main loop.
#include "cgroup.hpp"
#include "lives.hpp"
#include "probes.hpp"
#include "report.hpp"
#include "traced_command.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace spawnlat {

namespace {

// As env(1): what the command returns is the command's.
constexpr int own_failure = 125;
constexpr int cannot_execute = 126;
constexpr int not_found = 127;

// The probes wake their reader when a quarter of the buffer is full; it looks this often, too.
constexpr int event_pause_ms = 50;

struct Options {
    ProbeOptions probes;
    ReportOptions report;
    bool json = false;
    bool top = false;
    bool events = false;
    std::string trace;
    std::string output;
    std::string cgroup;
    double interval = 0;
    std::uint64_t count = 0;
    std::vector<std::string> command;
};

int complain(const std::string& text, int status = own_failure) {
    std::cerr << "spawnlat: " << text << '\n';
    return status;
}

std::uint64_t now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

class Fd {
public:
    explicit Fd(int fd) : fd_(fd) {}
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() {
        if (fd_ >= 0)
            close(fd_);
    }
    int get() const { return fd_; }

private:
    int fd_;
};

int block_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD})
        sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int start_timer(double seconds) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    auto whole = static_cast<time_t>(seconds);
    timespec period{whole, static_cast<long>((seconds - static_cast<double>(whole)) * 1e9)};
    itimerspec setting{period, period};
    timerfd_settime(fd, 0, &setting, nullptr);
    return fd;
}

/// Attached probes, until the command ends, the intervals are over or somebody says stop.
class Session {
public:
    Session(const Options& options, std::ostream& out, Probes& probes, Lives& lives,
            std::optional<TracedCommand>& command, int signals)
        : options_(options),
          out_(out),
          probes_(probes),
          lives_(lives),
          command_(command),
          signals_(signals) {}

    int run();

private:
    bool wait_for_something(int timer);
    void take_signals();
    void show(const char* type, const Snapshot& counted, Interval when);
    void show_interval();
    void show_all();

    const Options& options_;
    std::ostream& out_;
    Probes& probes_;
    Lives& lives_;
    std::optional<TracedCommand>& command_;
    int signals_;

    Snapshot shown_;
    Interval when_;
    std::uint64_t started_ = 0;
    std::uint64_t intervals_ = 0;
    bool stop_ = false;
    int status_ = 0;
};

void Session::show(const char* type, const Snapshot& counted, Interval when) {
    if (options_.json)
        print_json(out_, type, counted, when, options_.report);
    else if (options_.top)
        print_top(out_, counted, when, options_.report);
    else
        print_text(out_, counted, when, options_.report);
}

void Session::show_interval() {
    Snapshot counted = probes_.read();
    when_ = {when_.end, now()};
    show("interval", counted.since(shown_), when_);
    shown_ = std::move(counted);
    if (options_.count && ++intervals_ == options_.count)
        stop_ = true;
}

void Session::show_all() {
    show("summary", probes_.read(), {started_, now()});
}

void Session::take_signals() {
    signalfd_siginfo info{};
    while (read(signals_, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo != SIGCHLD) {
            // The command has the first word, so that what it does about it is seen, too.
            if (command_ && command_->forward(static_cast<int>(info.ssi_signo)))
                continue;
            stop_ = true;
        } else if (std::optional<int> ended = command_ ? command_->ended() : std::nullopt) {
            status_ = WIFEXITED(*ended) ? WEXITSTATUS(*ended) : 128 + WTERMSIG(*ended);
            stop_ = true;
        }
    }
}

bool Session::wait_for_something(int timer) {
    pollfd fds[] = {{signals_, POLLIN, 0}, {timer, POLLIN, 0}, {probes_.event_fd(), POLLIN, 0}};
    if (poll(fds, std::size(fds), probes_.event_fd() < 0 ? -1 : event_pause_ms) < 0)
        return errno == EINTR;
    if (fds[0].revents)
        take_signals();
    probes_.take_events();
    std::uint64_t expirations = 0;
    if (fds[1].revents && read(timer, &expirations, sizeof(expirations)) > 0)
        show_interval();
    return true;
}

int Session::run() {
    started_ = now();
    when_ = {started_, started_};
    if (options_.json)
        print_json_start(out_, probes_.missing());
    else if (!command_ && !options_.top)
        std::cerr << "spawnlat: looking at new processes, Ctrl-C ends it\n";
    Fd timer(options_.interval > 0 ? start_timer(options_.interval) : -1);
    if (command_)
        if (auto begun = command_->start(); !begun)
            return complain(
                "cannot execute " + options_.command.front() + ": " + std::strerror(begun.error()),
                begun.error() == ENOENT ? not_found : cannot_execute);
    while (!stop_)
        if (!wait_for_something(timer.get()))
            return complain(std::string("poll: ") + std::strerror(errno));
    probes_.detach();
    probes_.take_events();
    std::string failed = lives_.end();
    if (options_.interval == 0 || options_.json)
        show_all();
    else if (intervals_ < options_.count || options_.count == 0)
        show_interval();  // the last one is shorter
    out_.flush();
    if (!out_)
        failed = options_.output.empty() ? "standard output" : options_.output;
    return failed.empty() ? status_ : complain("cannot write all of " + failed);
}

std::string join(const std::vector<std::string>& parts) {
    std::string result;
    for (const std::string& part : parts)
        result += (result.empty() ? "" : "; ") + part;
    return result;
}

int run(Options& options) {
    std::ofstream file;
    if (!options.output.empty()) {
        file.open(options.output);
        if (!file)
            return complain("cannot write " + options.output + ": " + std::strerror(errno));
    }
    std::ostream& out = options.output.empty() ? std::cout : file;

    Lives lives;
    if (options.events) {
        if (options.json)
            lives.add_sink(std::make_unique<JsonLives>(out));
        else
            lives.add_sink(std::make_unique<TextLives>(out));
    }
    if (!options.trace.empty()) {
        auto trace = std::make_unique<TraceFile>(options.trace);
        if (!trace->good())
            return complain("cannot write " + options.trace + ": " + std::strerror(errno));
        lives.add_sink(std::move(trace));
    }
    if (!options.cgroup.empty()) {
        auto cgroup = find_cgroup(options.cgroup);
        if (!cgroup)
            return complain(cgroup.error());
        options.probes.cgroup = *cgroup;
    }

    Fd signals(block_signals());
    std::optional<TracedCommand> command;
    if (!options.command.empty()) {
        auto created = TracedCommand::create(options.command);
        if (!created)
            return complain(created.error());
        command.emplace(std::move(*created));
        options.probes.root_pid = command->pid();
    }
    options.probes.events = lives.wanted();
    options.probes.group_by = options.report.group_by;
    auto probes =
        Probes::attach(options.probes, [&](const spawnlat_event& event) { lives.take(event); });
    if (!probes)
        return complain(probes.error());
    if (!options.json && !probes->missing().empty())
        std::cerr << "spawnlat: not measured here: " << join(probes->missing()) << '\n';
    return Session(options, out, *probes, lives, command, signals.get()).run();
}

void add_options(CLI::App& app, Options& options) {
    ProbeOptions& probes = options.probes;
    std::map<std::string, spawnlat_group> groups;
    for (unsigned i = 0; i < GROUPS; ++i)
        groups[group_name(i)] = static_cast<spawnlat_group>(i);

    app.add_option("interval", options.interval, "Seconds between reports; else one at the end")
        ->check(CLI::Range(0.01, 86400.0));
    app.add_option("count", options.count, "How many reports")->check(CLI::PositiveNumber);

    app.add_option("--by", options.report.group_by,
                   "Group by: none, method, command, cgroup, parent, backend")
        ->transform(CLI::CheckedTransformer(groups).description(""))
        ->type_name("GROUP");
    app.add_flag("-H,--histogram", options.report.histograms,
                 "Show a log2 histogram of each stage");
    app.add_flag("--top", options.top, "A live view, by command unless --by says otherwise");
    app.add_flag("--json", options.json, "One JSON object a line: each process, and a summary");
    app.add_flag("--events,!--no-events", options.events,
                 "Show each process when it has ended (with --json it is the default)");
    app.add_option("--trace", options.trace, "Write a trace for Perfetto to this file")
        ->type_name("FILE");
    app.add_option("-o,--output", options.output, "Write the report to this file")
        ->take_last()
        ->type_name("FILE");

    app.add_option("-p,--pid", probes.root_pid, "What this process starts, and what that starts")
        ->check(CLI::PositiveNumber)
        ->type_name("PID");
    app.add_option("-c,--cgroup", options.cgroup, "Processes that are in this cgroup or below it")
        ->type_name("PATH");
    app.add_option("--comm", probes.command, "Processes that have this name (15 characters)")
        ->type_name("NAME");

    app.add_option("--entry", probes.entries,
                   "Tell the dynamic linker's time from that of this program; may be repeated")
        ->expected(1)
        ->take_all()
        ->type_name("PROGRAM");
    app.add_flag("--faults", probes.faults, "Measure page faults");

    app.add_option("--max-processes", probes.max_processes, "Room for processes that live at once")
        ->check(CLI::Range(1, 1 << 22))
        ->capture_default_str();
    app.add_option("--max-groups", probes.max_groups, "Room for groups")
        ->check(CLI::Range(1, 1 << 20))
        ->capture_default_str();
    app.add_option("--buffer", probes.buffer_kib, "KiB of buffer for events, a power of two")
        ->check(CLI::Range(4, 1 << 20))
        ->check([](const std::string& text) {
            return std::has_single_bit(std::stoul(text)) ? "" : text + " is not a power of two";
        })
        ->capture_default_str();
    app.add_flag("-v,--verbose", probes.verbose, "Show what libbpf says");
}

/// What the options mean together.
void settle(CLI::App& app, Options& options) {
    if (app.count("--events") == 0)
        options.events = options.json;
    if (options.count && options.interval == 0)
        throw CLI::RequiredError("interval");
    if (options.top && options.json)
        throw CLI::ExcludesError("--top", "--json");
    if (options.probes.root_pid && !options.command.empty())
        throw CLI::ExcludesError("--pid", "a command");
    if (options.probes.command.size() >= SPAWNLAT_NAME_SIZE)
        throw CLI::ValidationError("--comm", "the kernel keeps 15 characters of a name");
    if (!options.top)
        return;
    if (options.interval == 0)
        options.interval = 1;
    if (app.count("--by") == 0)
        options.report.group_by = GROUP_COMMAND;
    options.report.clear_screen = options.output.empty() && isatty(STDOUT_FILENO);
}

}  // namespace

}  // namespace spawnlat

int main(int argc, char** argv) {
    // CLI11 would look for options of ours behind "--", too.
    char** end = std::find(argv + 1, argv + argc, std::string_view("--"));
    spawnlat::Options options;
    if (end != argv + argc)
        options.command.assign(end + 1, argv + argc);

    CLI::App app("Show where the time goes when processes are started", "spawnlat");
    app.set_version_flag("--version", SPAWNTPL_VERSION);
    app.footer(
        "spawnlat [OPTIONS] -- COMMAND [ARGS...] runs a command, looks at what it starts, and "
        "ends as it does.");
    spawnlat::add_options(app, options);
    try {
        app.parse(static_cast<int>(end - argv), argv);
        if (end != argv + argc && options.command.empty())
            throw CLI::RequiredError("COMMAND");
        spawnlat::settle(app, options);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : spawnlat::own_failure;
    }
    return spawnlat::run(options);
}
