// SPDX-License-Identifier: MIT
//
// Warm starts where there is no room: for another process, a descriptor, or memory.
#include "warm_attack_support.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::IsEmpty;

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

}  // namespace
}  // namespace spawntpl::tests
