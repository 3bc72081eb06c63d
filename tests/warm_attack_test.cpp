// SPDX-License-Identifier: MIT
//
// What goes wrong around warm starts, or is made to: whatever happens, each start is right or an
// error, of the program as it is then, and leaves nothing behind (see CleanTest).
#include "intercepted_messages.hpp"
#include "warm_support.hpp"

#include <array>
#include <atomic>
#include <fstream>
#include <thread>

#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class WarmAttack : public WarmTest {
protected:
    /// A start that must be right, whichever way it goes. Returns whether it was warm.
    static bool start_echo(const Template& echo, const std::string& word) {
        auto output = spawntpl::run(echo, Command({word}));
        EXPECT_TRUE(output) << output.error().message();
        if (!output)
            return false;
        EXPECT_TRUE(output->success());
        EXPECT_EQ(output->out, word + "\n");
        return output->backend == "warm";
    }

    /// A template process cannot be had again and again at once: it has to be earned.
    static void expect_warm_again(const Template& echo) {
        bool warm = false;
        for (int i = 0; i < 64 && !warm; ++i)
            warm = start_echo(echo, "again");
        EXPECT_TRUE(warm);
    }
};

std::string proc(pid_t pid, const std::string& name) {
    return "/proc/" + std::to_string(pid) + "/" + name;
}

// --- other processes --------------------------------------------------------------------------

TEST_F(WarmAttack, other_users_have_no_way_to_the_template_process) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can be another user";
    Template echo = allowed("/bin/echo");
    ASSERT_TRUE(start_echo(echo, "before"));
    pid_t pid = template_process();
    ASSERT_GT(pid, 0);
    in_another_process([pid] {
        constexpr uid_t nobody = 65534;
        ASSERT_EQ(setresgid(nobody, nobody, nobody), 0);
        ASSERT_EQ(setresuid(nobody, nobody, nobody), 0);
        char link[64];
        EXPECT_EQ(readlink(proc(pid, "fd/3").c_str(), link, sizeof(link)), -1);
        EXPECT_EQ(errno, EACCES);
        EXPECT_EQ(open(proc(pid, "mem").c_str(), O_RDWR), -1);
        EXPECT_EQ(errno, EACCES);
        int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
        ASSERT_GE(pidfd, 0);
        EXPECT_EQ(syscall(SYS_pidfd_getfd, pidfd, 3, 0), -1);
        EXPECT_EQ(errno, EPERM);
        EXPECT_EQ(ptrace(PTRACE_ATTACH, pid, 0, 0), -1);
        EXPECT_EQ(errno, EPERM);
        EXPECT_EQ(kill(pid, SIGKILL), -1);
        EXPECT_EQ(errno, EPERM);
    });
    EXPECT_TRUE(start_echo(echo, "after"));
}

TEST_F(WarmAttack, socket_of_the_template_process_has_no_name_to_connect_to) {
    Template echo = allowed("/bin/echo");
    ASSERT_TRUE(start_echo(echo, "before"));
    // Not even for root.
    EXPECT_EQ(open(proc(template_process(), "fd/3").c_str(), O_RDWR | O_CLOEXEC), -1);
    EXPECT_EQ(errno, ENXIO);
}

TEST_F(WarmAttack, children_have_neither_the_socket_nor_what_the_template_process_has) {
    Template sh = allowed("/bin/sh");
    Command command({"-c", "ls /proc/self/fd | wc -l; env"});
    command.env({"PATH=/bin:/usr/bin"});
    EXPECT_THAT(same(sh, "/bin/sh", command), Not(HasSubstr("SPAWNTPL_WARM")));
}

TEST_F(WarmAttack, template_process_that_is_killed_or_stopped_between_starts) {
    Template echo = allowed("/bin/echo");
    for (int signal_number : {SIGKILL, SIGSTOP}) {
        ASSERT_TRUE(start_echo(echo, "before"));
        pid_t pid = template_process();
        ASSERT_EQ(kill(pid, signal_number), 0);
        // Children that were made before may be left for some starts.
        expect_warm_again(echo);
        for (int i = 0; i < 10 && template_process() == pid; ++i)
            expect_warm_again(echo);
        EXPECT_NE(template_process(), pid);
    }
}

TEST_F(WarmAttack, template_process_that_is_killed_or_stopped_during_starts) {
    Template echo = allowed("/bin/echo");
    pid_t owner = gettid();
    for (int signal_number : {SIGKILL, SIGSTOP}) {
        std::atomic<bool> done = false;
        std::jthread attacker([&] {
            pid_t last = 0;
            for (int left = 6; left != 0 && !done; sched_yield()) {
                std::ifstream children("/proc/self/task/" + std::to_string(owner) + "/children");
                pid_t pid = 0;
                // Who stops another child has to continue it, too: one that is still to
                // execute a program, or has only the first of these descriptors.
                if (!(children >> pid) || pid == last ||
                    access(proc(pid, "fd/5").c_str(), F_OK) != 0)
                    continue;
                std::ifstream environment(proc(pid, "environ"));
                std::string entries((std::istreambuf_iterator<char>(environment)), {});
                if (entries.find("SPAWNTPL_WARM=") == std::string::npos)
                    continue;
                usleep(static_cast<useconds_t>(500 * left));
                kill(pid, signal_number);
                last = pid;
                --left;
            }
        });
        for (int i = 0; i < repetitions(100); ++i)
            start_echo(echo, std::to_string(i));
        done = true;
    }
}

TEST_F(WarmAttack, template_process_that_others_have_reaped) {
    Template echo = allowed("/bin/echo");
    ASSERT_TRUE(start_echo(echo, "before"));
    pid_t pid = template_process();
    kill(pid, SIGKILL);
    ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
    expect_warm_again(echo);
}

TEST_F(WarmAttack, others_reap_all_children) {
    Template echo = allowed("/bin/echo");
    std::atomic<bool> done = false;
    std::jthread reaper([&] {
        while (!done)
            if (waitpid(-1, nullptr, WNOHANG) <= 0)
                sched_yield();
    });
    for (int i = 0; i < repetitions(50); ++i) {
        auto child = echo.spawn(Command({"word"}).pipe_from_child(STDOUT_FILENO));
        ASSERT_TRUE(child) << child.error().message();
        EXPECT_EQ(read_all(child->pipe(STDOUT_FILENO)), "word\n");
        auto status = child->wait();
        if (status)
            EXPECT_EQ(*status, ExitStatus::exited(0));
        else
            EXPECT_EQ(status.error().code, std::errc::no_child_process);
    }
    echo = cold("/bin/echo");
    done = true;
}

TEST_F(WarmAttack, ignored_ends_of_children) {
    signal(SIGCHLD, SIG_IGN);
    Template echo = allowed("/bin/echo");
    for (int i = 0; i < repetitions(20); ++i) {
        auto child = echo.spawn(Command({"word"}).pipe_from_child(STDOUT_FILENO));
        ASSERT_TRUE(child) << child.error().message();
        EXPECT_EQ(child->backend(), "warm") << child->why_not_warm();
        EXPECT_EQ(read_all(child->pipe(STDOUT_FILENO)), "word\n");
        EXPECT_EQ(child->wait().error().code, std::errc::no_child_process);
    }
    signal(SIGCHLD, SIG_DFL);
}

TEST_F(WarmAttack, owner_that_is_killed_leaves_its_children_but_no_template_process) {
    ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    Pipe pipe = make_pipe();
    pid_t owner = fork();
    if (owner == 0) {
        Template program = allowed(payload("end"));
        auto child = value_or_throw(program.spawn(Command({"never"})));
        pid_t pids[] = {child.pid(), template_process()};
        bool told = child.backend() == "warm" &&
                    write(pipe.write.get(), pids, sizeof(pids)) == sizeof(pids);
        while (told)
            pause();
        _exit(1);
    }
    pipe.write.reset();
    std::array<pid_t, 2> pids{};
    ASSERT_EQ(read(pipe.read.get(), pids.data(), sizeof(pids)), sizeof(pids));
    auto [child, process] = pids;
    Fd ended(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
    kill(owner, SIGKILL);
    EXPECT_EQ(waitpid(owner, nullptr, 0), owner);
    // The limit is for a test that fails.
    constexpr int limit_in_ms = 60'000;
    pollfd end{.fd = ended.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&end, 1, limit_in_ms), 1) << "the template process lives on";
    kill(process, SIGKILL);
    EXPECT_EQ(waitpid(child, nullptr, WNOHANG), 0) << "the child has ended";
    kill(child, SIGKILL);
    // And others that the owner has left, which end by themselves.
    while (waitpid(-1, nullptr, 0) > 0) {
    }
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST_F(WarmAttack, copy_of_the_owner_has_a_template_process_of_its_own) {
    auto echo = std::make_optional(allowed("/bin/echo"));
    ASSERT_TRUE(start_echo(*echo, "before"));
    pid_t pid = template_process();
    in_another_process([&] {
        EXPECT_TRUE(start_echo(*echo, "of the copy"));
        EXPECT_NE(template_process(), pid);
        echo.reset();
        EXPECT_THAT(children(), IsEmpty());
    });
    in_another_process([&] { echo.reset(); });
    EXPECT_TRUE(start_echo(*echo, "after"));
    EXPECT_EQ(template_process(), pid);
}

// --- requests -----------------------------------------------------------------------------------

/// Each request of a start is spoilt in turn. What comes of it must not be another program: it may
/// be refused, or what the spoilt request asks for.
class WarmSpoiltRequest : public WarmAttack {
protected:
    using Spoil = InterceptedMessages::Spoil;

    void start_spoilt(const Spoil& spoil) {
        Command command({"word"});
        command.env({"A=1", "B=2"}).umask(027).limit(RLIMIT_CORE, 0, 0).cwd("/");
        command.null(STDIN_FILENO).null(STDOUT_FILENO).null(STDERR_FILENO);
        {
            InterceptedMessages messages(spoil);
            auto child = echo_.spawn(command);
            spoilt_ += messages.count();
            // A mask or a limit may be anything now.
            if (child && child->backend() == "warm")
                static_cast<void>(child->kill());
            if (child) {
                EXPECT_TRUE(child->wait());
            }
        }
        start_echo(echo_, "word");
    }

    /// The longest messages are requests.
    static constexpr std::size_t shortest_request = 100;

    Template echo_ = allowed("/bin/echo");
    std::size_t spoilt_ = 0;
};

TEST_F(WarmSpoiltRequest, cut) {
    std::size_t size = shortest_request;
    for (std::size_t length = 1; length < size; length += 5)
        start_spoilt([&](std::vector<std::byte>& bytes, std::vector<int>&) {
            if (bytes.size() < shortest_request)
                return false;
            size = bytes.size();
            bytes.resize(std::min(length, bytes.size()));
            return true;
        });
    EXPECT_GT(spoilt_, 20U);
}

TEST_F(WarmSpoiltRequest, changed) {
    std::uint32_t random = 1;
    auto next = [&random](std::size_t end) {
        random = random * 1664525 + 1013904223;
        return (random >> 8) % end;
    };
    for (int i = 0; i < repetitions(200); ++i)
        start_spoilt([&](std::vector<std::byte>& bytes, std::vector<int>&) {
            if (bytes.size() < shortest_request)
                return false;
            for (std::size_t changes = 1 + next(3); changes != 0; --changes)
                bytes[next(bytes.size())] = static_cast<std::byte>(next(256));
            return true;
        });
    EXPECT_GT(spoilt_, 100U);
}

TEST_F(WarmSpoiltRequest, without_its_descriptors_or_with_others) {
    for (std::size_t count : {0, 1, 2, 100, 253})
        start_spoilt([&](std::vector<std::byte>& bytes, std::vector<int>& fds) {
            if (bytes.size() < shortest_request)
                return false;
            fds.resize(count, fds.empty() ? 0 : fds.front());
            return true;
        });
    EXPECT_GT(spoilt_, 2U);
}

TEST_F(WarmSpoiltRequest, too_long_for_any) {
    start_spoilt([](std::vector<std::byte>& bytes, std::vector<int>&) {
        if (bytes.size() < shortest_request)
            return false;
        bytes.resize(200'000);
        return true;
    });
    EXPECT_GT(spoilt_, 0U);
}

// --- limits -------------------------------------------------------------------------------------

/// A cgroup with a limit of processes that this test is in meanwhile.
class ProcessLimit {
public:
    ProcessLimit() {
        for (const char* root : {"/sys/fs/cgroup/pids", "/sys/fs/cgroup"}) {
            std::string path = std::string(root) + "/spawntpl-pids-" + std::to_string(getpid());
            if (!set(std::string(root) + "/cgroup.subtree_control", "+pids") &&
                access((std::string(root) + "/cgroup.controllers").c_str(), F_OK) == 0)
                continue;
            struct statfs system;
            if (statfs(root, &system) != 0 ||
                (system.f_type != CGROUP_SUPER_MAGIC && system.f_type != CGROUP2_SUPER_MAGIC))
                continue;
            if (mkdir(path.c_str(), 0755) != 0)
                continue;
            old_ = std::string(root) + "/cgroup.procs";
            path_ = path;
            if (access((path + "/pids.max").c_str(), W_OK) == 0 &&
                set(path + "/cgroup.procs", std::to_string(getpid())))
                return;
            rmdir(path.c_str());
            path_.clear();
        }
    }

    ProcessLimit(const ProcessLimit&) = delete;

    ~ProcessLimit() {
        if (path_.empty())
            return;
        set(old_, std::to_string(getpid()));
        // The last of the processes may be on their way out.
        while (rmdir(path_.c_str()) != 0 && errno == EBUSY)
            sched_yield();
    }

    explicit operator bool() const { return !path_.empty(); }

    /// No more than there are now.
    void close() const {
        set_maximum(std::to_string(std::stoi(read_file(path_ + "/pids.current"))));
    }

    void set_maximum(const std::string& number) const {
        EXPECT_TRUE(set(path_ + "/pids.max", number));
    }

    void open() const { set_maximum("max"); }

private:
    static bool set(const std::string& file, const std::string& value) {
        Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
        return fd && write(fd.get(), value.data(), value.size()) == std::ssize(value);
    }

    std::string path_;
    std::string old_;
};

constexpr const char* no_limit = "there is no cgroup of processes that this program may change";

TEST_F(WarmAttack, cgroup_without_room_for_a_child) {
    ProcessLimit limit;
    if (!limit)
        GTEST_SKIP() << no_limit;
    Template echo = allowed("/bin/echo");
    ASSERT_TRUE(start_echo(echo, "before"));
    limit.close();
    Error expected = cold("/bin/echo").spawn(Command({"word"})).error();
    EXPECT_EQ(expected.code, std::errc::resource_unavailable_try_again);
    for (int i = 0; i < 4; ++i) {
        auto child = echo.spawn(Command({"word"}).null(STDOUT_FILENO));
        if (child) {
            EXPECT_EQ(child->wait(), ExitStatus::exited(0));
            limit.close();
            continue;
        }
        EXPECT_EQ(child.error().code, expected.code);
        EXPECT_EQ(child.error().step, expected.step);
    }
    limit.open();
    EXPECT_TRUE(start_echo(echo, "after"));
    EXPECT_TRUE(start_echo(echo, "after"));
}

TEST_F(WarmAttack, cgroup_without_room_for_a_template_process) {
    ProcessLimit limit;
    if (!limit)
        GTEST_SKIP() << no_limit;
    Template echo = allowed("/bin/echo");
    limit.close();
    for (int i = 0; i < 3; ++i) {
        auto child = echo.spawn(Command({"word"}));
        ASSERT_FALSE(child);
        EXPECT_EQ(child.error().code, std::errc::resource_unavailable_try_again);
    }
    limit.open();
    expect_warm_again(echo);
}

TEST_F(WarmAttack, fork_bomb) {
    ProcessLimit limit;
    if (!limit)
        GTEST_SKIP() << no_limit;
    Template sh = allowed("/bin/sh"), echo = allowed("/bin/echo");
    ASSERT_TRUE(start_echo(echo, "before"));
    limit.set_maximum("40");
    {
        auto bomb = value_or_throw(
            sh.spawn(Command({"-c", "b() { b | b; }; while :; do b & done 2>/dev/null; wait"})
                         .new_session()
                         .null(STDERR_FILENO)));
        bomb.stop_at_end({.kill = std::chrono::milliseconds::max(), .tree = true});
        EXPECT_EQ(bomb.backend(), "warm") << bomb.why_not_warm();
        for (int i = 0; i < 20; ++i) {
            auto output = spawntpl::run(echo, Command({"word"}));
            if (output)
                EXPECT_EQ(output->out, "word\n");
            else
                EXPECT_EQ(output.error().code, std::errc::resource_unavailable_try_again);
        }
    }
    limit.open();
    expect_warm_again(echo);
}

TEST_F(WarmAttack, no_descriptors_left_in_the_owner) {
    Template echo = allowed("/bin/echo");
    ASSERT_TRUE(start_echo(echo, "before"));
    rlimit old;
    getrlimit(RLIMIT_NOFILE, &old);
    rlimit few{.rlim_cur = 64, .rlim_max = old.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    // With the old template process, and with one that has this limit from its start.
    for (Template* program : {&echo, &echo}) {
        std::vector<Fd> held;
        while (Fd fd = open_null())
            held.push_back(std::move(fd));
        while (!held.empty()) {
            auto child = program->spawn(Command({"word"}).null(STDOUT_FILENO));
            if (child)
                EXPECT_EQ(child->wait(), ExitStatus::exited(0));
            else
                EXPECT_EQ(child.error().code, std::errc::too_many_files_open)
                    << child.error().message();
            held.pop_back();
        }
        start_echo(*program, "after");
    }
    setrlimit(RLIMIT_NOFILE, &old);
    expect_warm_again(echo);
}

TEST_F(WarmAttack, too_few_descriptors_for_a_template_process) {
    rlimit old;
    getrlimit(RLIMIT_NOFILE, &old);
    const rlimit few{.rlim_cur = 64, .rlim_max = old.rlim_max};
    constexpr std::size_t enough = 40;
    bool warm = false;
    for (std::size_t left = 0; left <= enough; ++left) {
        {
            Template echo = allowed("/bin/echo");
            std::vector<Fd> held;
            ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
            while (Fd fd = open_null())
                held.push_back(std::move(fd));
            held.resize(held.size() - left);
            auto child = echo.spawn(Command({"word"}).fd(STDOUT_FILENO, held.front().get()));
            setrlimit(RLIMIT_NOFILE, &old);
            if (child) {
                warm = child->backend() == "warm";
                EXPECT_EQ(child->wait(), ExitStatus::exited(0));
            } else {
                EXPECT_EQ(child.error().code, std::errc::too_many_files_open)
                    << child.error().message();
            }
        }
        EXPECT_THAT(children(), IsEmpty()) << left << " descriptors";
    }
    EXPECT_TRUE(warm);
}

TEST_F(WarmAttack, no_descriptors_left_in_the_template_process) {
    Template echo = allowed("/bin/echo");
    ASSERT_TRUE(start_echo(echo, "before"));
    rlimit few, old;
    ASSERT_EQ(prlimit(template_process(), RLIMIT_NOFILE, nullptr, &old), 0);
    few = {.rlim_cur = 8, .rlim_max = old.rlim_max};
    ASSERT_EQ(prlimit(template_process(), RLIMIT_NOFILE, &few, nullptr), 0);
    Command command({"word"});
    for (int fd = 3; fd < 30; ++fd)
        command.null(fd);
    for (int i = 0; i < 4; ++i) {
        auto output = spawntpl::run(echo, command);
        ASSERT_TRUE(output) << output.error().message();
        EXPECT_EQ(output->out, "word\n");
    }
    ASSERT_EQ(prlimit(template_process(), RLIMIT_NOFILE, &old, nullptr), 0);
    expect_warm_again(echo);
}

TEST_F(WarmAttack, no_memory_left_in_the_owner) {
    if (!memory_can_be_limited)
        GTEST_SKIP() << "the sanitizer ends a program that has no memory for it";
    Template echo = allowed("/bin/echo");
    in_another_process([&] {
        // Room for the heap of the test, not for much more.
        rlimit old, none{.rlim_cur = 1, .rlim_max = RLIM_INFINITY};
        getrlimit(RLIMIT_AS, &old);
        none.rlim_max = old.rlim_max;
        static_cast<void>(start_echo(echo, "warms up"));
        setrlimit(RLIMIT_AS, &none);
        auto child = echo.spawn(Command({"word"}).null(STDOUT_FILENO));
        setrlimit(RLIMIT_AS, &old);
        // No program could be loaded with this limit, but a copy of one needs no more memory.
        if (child) {
            EXPECT_TRUE(child->wait());
        }
        static_cast<void>(start_echo(echo, "after"));
        echo = cold("/bin/echo");
    });
}

// --- files --------------------------------------------------------------------------------------

/// The payload `version` with a library that is replaced again and again.
class WarmReplacedLibrary : public WarmAttack {
protected:
    WarmReplacedLibrary() {
        copy_program(payload("version"), directory_ / "version");
        replace_by_rename(0);
    }

    std::string library() const { return directory_ / "libversion.so"; }

    std::string library_content(int version) const {
        std::string content = original_;
        std::string digits = std::to_string(10'000 + version).substr(1);
        for (std::size_t at = 0; (at = content.find(marker, at)) != std::string::npos; ++at)
            content.replace(at + marker.size() - digits.size(), digits.size(), digits);
        return content;
    }

    void replace_by_rename(int version) const {
        write_file(directory_ / "new", library_content(version), 0755);
        std::filesystem::rename(directory_ / "new", library());
    }

    /// As dpkg does not, but cp does.
    void overwrite(int version) const { write_file(library(), library_content(version), 0755); }

    /// Without a moment in which the file is incomplete: only the bytes that are different.
    void change_in_place(int version) const {
        std::string content = library_content(version);
        std::size_t at = original_.find(marker);
        Fd fd(open(library().c_str(), O_WRONLY | O_CLOEXEC));
        ASSERT_EQ(pwrite(fd.get(), content.data() + at, marker.size(), static_cast<off_t>(at)),
                  std::ssize(marker));
    }

    static int version_of(const Output& output) {
        EXPECT_TRUE(output.success());
        EXPECT_THAT(output.out, testing::StartsWith("version "));
        return output.out.size() > 8 ? std::stoi(output.out.substr(8)) : -1;
    }

    const std::string marker = "version 0000";
    const std::string original_ = read_file(payload("libversion.so"));
    TemporaryDirectory directory_;
};

TEST_F(WarmReplacedLibrary, is_the_one_that_runs_however_soon) {
    Template program = allowed(directory_ / "version");
    int version = 0, warm = 0;
    for (int i = 0; i < repetitions(40); ++i) {
        Output output = start(program);
        EXPECT_EQ(version_of(output), version);
        warm += output.backend == "warm";
        ++version;
        if (i % 3 == 0)
            replace_by_rename(version);
        else if (i % 3 == 1)
            overwrite(version);
        else
            change_in_place(version);
        EXPECT_EQ(version_of(start(program)), version);
    }
    EXPECT_GT(warm, 0);
}

TEST_F(WarmReplacedLibrary, in_a_storm_of_starts) {
    Template program = allowed(directory_ / "version");
    constexpr int threads = 3, each = 60, versions = 20;
    std::atomic<int> published = 0, started = 0, warm = 0;
    {
        std::vector<std::jthread> running;
        for (int i = 0; i < threads; ++i)
            running.emplace_back([&] {
                for (int n = 0; n < each; ++n) {
                    int oldest = published;
                    Output output = start(program);
                    EXPECT_GE(version_of(output), oldest);
                    warm += output.backend == "warm";
                    ++started;
                    started.notify_all();
                }
            });
        for (int version = 1; version <= versions; ++version) {
            for (int seen; (seen = started) < version * threads * each / versions - threads * 4;)
                started.wait(seen);
            if (version % 2 == 0)
                change_in_place(version);
            else
                replace_by_rename(version);
            published = version;
        }
    }
    EXPECT_EQ(version_of(start(program)), versions);
    EXPECT_GT(warm, 0);
}

TEST_F(WarmReplacedLibrary, that_is_missing_is_an_error_of_the_program) {
    Template program = allowed(directory_ / "version");
    EXPECT_EQ(version_of(start(program)), 0);
    std::filesystem::remove(library());
    for (int i = 0; i < 3; ++i) {
        Output expected = start(cold(directory_ / "version")), output = start(program);
        EXPECT_EQ(output.status, expected.status);
        EXPECT_EQ(output.err, expected.err);
    }
    replace_by_rename(5);
    EXPECT_EQ(version_of(start(program)), 5);
}

// --- threads and attributes
// -----------------------------------------------------------------------

TEST_F(WarmAttack, threads_get_the_children_that_they_started) {
    constexpr int threads = 8, each = 25;
    Template echo = allowed("/bin/echo"), other = allowed("/bin/echo");
    std::atomic<int> warm = 0;
    {
        std::vector<std::jthread> running;
        for (int i = 0; i < threads; ++i)
            running.emplace_back([&, i] {
                for (int n = 0; n < each; ++n)
                    warm += start_echo(n % 5 == 0 ? other : echo,
                                       std::to_string(i) + "-" + std::to_string(n));
            });
    }
    EXPECT_GT(warm, threads * each / 2);
}

TEST_F(WarmAttack, request_with_all_attributes) {
    Template state = allowed(payload("state"));
    TemporaryDirectory directory;
    Command command({"a", "", "b c"});
    command.arg0("other name").env({"A=1", "B=", "C=2"}).set_env("B", "3").unset_env("C");
    command.cwd(directory.path()).umask(077).pseudo_terminal({.rows = 10, .columns = 20});
    command.pipe_from_child(STDOUT_FILENO).null(7).same_as(9, 7).input("bytes");
    command.file(12, "/etc/hostname", O_RDONLY).close(STDERR_FILENO);
    command.limit(RLIMIT_CORE, 0, 0).limit(RLIMIT_NOFILE, 100, 200).limit(RLIMIT_CPU, 50, 60);
    command.nice(7).scheduler(SCHED_BATCH).affinity({0}).no_new_privileges();
    command.signal_defaults(SignalSet({SIGINT, SIGPIPE})).signal_mask(SignalSet({SIGUSR1, SIGHUP}));
    if (geteuid() == 0)
        command.groups({5, 6, 7}).group(65534).user(65534);
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    auto output_of = [&](const Template& program) {
        auto child = value_or_throw(program.spawn(command));
        std::string text = read_all(child.pipe(STDOUT_FILENO));
        EXPECT_EQ(child.wait(), ExitStatus::exited(0));
        return std::string(child.backend() == "warm" ? "warm\n" : "cold\n") + text;
    };
    std::string expected = output_of(cold(payload("state"))).substr(5);
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(output_of(state), "warm\n" + expected);
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
}

}  // namespace
}  // namespace spawntpl::tests
