// SPDX-License-Identifier: MIT
//
// Children that are copies of a linked image: as those of an exec where they are warm, and not warm
// where they would not be.
#include "warm_support.hpp"

#include <set>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST_F(WarmTest, child_is_the_callers_own) {
    Template program = allowed("/bin/sh");
    auto child = value_or_throw(program.spawn(Command({"-c", "exit $((PPID % 100))"})));
    EXPECT_EQ(child.backend(), "warm") << child.why_not_warm();
    EXPECT_THAT(child.why_not_warm(), IsEmpty());
    EXPECT_THAT(children(), testing::Contains(child.pid()));
    EXPECT_EQ(child.wait(), ExitStatus::exited(getpid() % 100));
}

TEST_F(WarmTest, is_not_loaded_unless_it_is_asked_for) {
    auto program = value_or_throw(Template::open("/bin/true"));
    auto child = value_or_throw(program.spawn());
    EXPECT_NE(child.backend(), "warm");
    EXPECT_THAT(child.why_not_warm(), IsEmpty());
    EXPECT_TRUE(child.wait());
    EXPECT_THAT(children(), IsEmpty());
    EXPECT_THAT(read_file("/proc/self/maps"), Not(HasSubstr("spawntpl/warm.so")));
}

TEST_F(WarmTest, programs_that_are_never_warm) {
    TemporaryDirectory directory;
    EXPECT_EQ(why_not(allowed(payload("exit0"))), "the program is static");

    write_file(directory / "script", "#!/bin/sh\n", 0755);
    EXPECT_EQ(why_not(allowed(directory / "script")), "the program is a script");

    copy_program("/bin/true", directory / "rights");
    ASSERT_EQ(chmod((directory / "rights").c_str(), 04755), 0);
    EXPECT_THAT(why_not(allowed(directory / "rights")), HasSubstr("gains rights at its start"));

    Fd fd(open("/bin/true", O_RDONLY | O_CLOEXEC));
    auto by_descriptor = value_or_throw(Template::from_fd(fd.get(), "true", warm_by_process()));
    EXPECT_EQ(why_not(by_descriptor), "the program is given by a descriptor");
}

TEST_F(WarmTest, required_is_an_error_where_it_cannot_be) {
    auto program = Template::open(payload("exit0"), {.backend = "clone3", .warm = Warm::required});
    ASSERT_FALSE(program);
    EXPECT_EQ(program.error().code, std::errc::not_supported);
    EXPECT_EQ(program.error().step, Step::choose_backend);
    EXPECT_THAT(program.error().message(), HasSubstr("the program is static"));
}

TEST_F(WarmTest, what_cannot_be_warm_is_started_otherwise_and_said) {
    Command command;
    command.parent_death_signal(SIGTERM);
    EXPECT_EQ(why_not(allowed("/bin/true"), command), "it cannot do: parent-death signal");
}

TEST_F(WarmTest, has_what_the_caller_has_now) {
    Template cat = allowed("/bin/cat");
    auto both = [&](const char* file) { return same(cat, "/bin/cat", Command({file})); };
    both("/proc/self/limits");

    mode_t mask = umask(0123);
    ASSERT_EQ(chdir("/usr"), 0);
    rlimit limit;
    getrlimit(RLIMIT_CORE, &limit);
    rlimit core{.rlim_cur = 0, .rlim_max = limit.rlim_max};
    setrlimit(RLIMIT_CORE, &core);
    signal(SIGUSR1, SIG_IGN);
    sigset_t blocked, old;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    sigprocmask(SIG_BLOCK, &blocked, &old);

    both("/proc/self/limits");
    both("/proc/self/cgroup");
    both("/proc/self/cmdline");
    both("/proc/self/environ");
    both("/proc/self/comm");
    both("/proc/self/oom_score_adj");
    same(allowed("/bin/sh"), "/bin/sh", Command({"-c", "umask; pwd -P"}));
    // But for what is different in each process.
    std::string fields =
        "^(Umask|Uid|Gid|Groups|NSsid|Threads|Sig...|ShdPnd|Cap...|NoNewPrivs|"
        "Seccomp.*|Spec.*|Cpus_allowed|Mems_allowed):";
    EXPECT_THAT(
        same(allowed("/bin/grep"), "/bin/grep", Command({"-E", fields, "/proc/self/status"})),
        HasSubstr("Umask:\t0123"));

    sigprocmask(SIG_SETMASK, &old, nullptr);
    signal(SIGUSR1, SIG_DFL);
    setrlimit(RLIMIT_CORE, &limit);
    umask(mask);
    ASSERT_EQ(chdir("/"), 0);
}

TEST_F(WarmTest, environment_is_the_commands_alone) {
    Template env = allowed("/usr/bin/env");
    Command command;
    command.env({"A=1", "B=2"});
    EXPECT_EQ(same(env, "/usr/bin/env", command), "A=1\nB=2\n");
    EXPECT_THAT(start(env).out, Not(HasSubstr("SPAWNTPL_WARM")));
}

TEST_F(WarmTest, another_locale_is_captured_anew) {
    Template program = allowed("/bin/ls");
    for (const char* locale : {"C", "C.UTF-8", "xx_YY.UTF-8", "C"}) {
        Command command({"/nonexistent/\xc3\xa4"});
        command.set_env("LC_ALL", locale);
        same(program, "/bin/ls", command);
    }
}

TEST_F(WarmTest, changed_program_is_the_one_that_runs) {
    TemporaryDirectory directory;
    copy_program("/bin/true", directory / "program");
    Template program = allowed(directory / "program");
    EXPECT_TRUE(start(program).success());
    copy_program("/bin/false", directory / "new");
    std::filesystem::rename(directory / "new", directory / "program");
    EXPECT_FALSE(start(program).success());
}

TEST_F(WarmTest, program_in_another_directory_or_behind_a_link_is_the_one_that_runs) {
    TemporaryDirectory directory;
    for (const char* version : {"one", "two"})
        std::filesystem::create_directory(directory / version);
    copy_program("/bin/true", directory / "one/program");
    copy_program("/bin/false", directory / "two/program");
    std::filesystem::create_symlink("one", directory / "now");
    Template program = allowed_by_name(directory / "now/program");
    EXPECT_TRUE(start(program).success());
    std::filesystem::create_symlink("two", directory / "new");
    std::filesystem::rename(directory / "new", directory / "now");
    EXPECT_FALSE(start(program).success());
    std::filesystem::rename(directory / "two", directory / "three");
    std::filesystem::rename(directory / "one", directory / "two");
    EXPECT_TRUE(start(program).success());
    std::filesystem::remove(directory / "now");
    EXPECT_FALSE(spawntpl::run(program, {}));
}

TEST_F(WarmTest, program_on_a_file_system_that_does_not_tell_of_changes) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can mount a file system";
    TemporaryDirectory directory;
    in_another_process([&] {
        // Not one of those whose changes are watched for.
        mount_privately(directory.path(), "ramfs");
        copy_program("/bin/true", directory / "program");
        Template program = allowed(directory / "program");
        for (int i = 0; i < 2; ++i) {
            Output output = start(program);
            EXPECT_EQ(output.backend, "warm");
            EXPECT_TRUE(output.success());
        }
        copy_program("/bin/false", directory / "new");
        std::filesystem::rename(directory / "new", directory / "program");
        for (int i = 0; i < 2; ++i)
            EXPECT_EQ(start(program).status, ExitStatus::exited(1));
    });
}

TEST_F(WarmTest, other_root_directory_has_other_programs) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can change the root directory";
    TemporaryDirectory directory;
    std::string path = directory / "program", root = directory / "root";
    std::filesystem::create_directories(root + directory.path());
    copy_program("/bin/false", path);
    copy_program(payload("exit0"), root + path);
    in_another_process([&] {
        Template program = allowed_by_name(path);
        auto run = [&](std::string_view why_not_warm) {
            auto child = value_or_throw(program.spawn());
            EXPECT_EQ(child.why_not_warm(), why_not_warm);
            return value_or_throw(child.wait());
        };
        EXPECT_EQ(run(""), ExitStatus::exited(1));
        EXPECT_EQ(run(""), ExitStatus::exited(1));
        ASSERT_EQ(chroot(root.c_str()), 0);
        ASSERT_EQ(chdir("/"), 0);
        EXPECT_EQ(run("the program is static"), ExitStatus::exited(0));
    });
}

TEST_F(WarmTest, child_of_a_cgroup_is_born_there) {
    CgroupDirectory cgroup;
    if (!cgroup.fd())
        GTEST_SKIP() << "there is no cgroup v2 that this program may make others in";
    Template cat = allowed("/bin/cat");
    Command command({"/proc/self/cgroup"}), elsewhere = command;
    elsewhere.cgroup(cgroup.fd().get());
    std::string here;
    for (int i = 0; i < 3; ++i) {
        here = same(cat, "/bin/cat", command);
        EXPECT_THAT(same(cat, "/bin/cat", elsewhere), AllOf(Not(here), HasSubstr("0::/spawntpl-")));
    }
    // Each start gets its own child, whoever else starts some.
    constexpr int each = 20;
    auto start_many = [&](const Command& own, const std::string& expected) {
        for (int i = 0; i < each; ++i) {
            Output output = start(cat, own);
            EXPECT_EQ(output.backend, "warm");
            EXPECT_THAT(output.out, HasSubstr(expected));
        }
    };
    std::jthread other([&] { start_many(elsewhere, "0::/spawntpl-"); });
    start_many(command, here);
}

TEST_F(WarmTest, captures_anew_as_often_as_it_is_told) {
    constexpr timespec two_milliseconds{.tv_sec = 0, .tv_nsec = 2'000'000};
    auto template_processes = [&](Recapture recapture) {
        auto program = value_or_throw(
            Template::open("/bin/true", {.backend = "warm", .recapture = recapture}));
        std::set<pid_t> seen;
        for (int i = 0; i < 6; ++i) {
            EXPECT_TRUE(start(program).success());
            seen.insert(children().at(0));
            nanosleep(&two_milliseconds, nullptr);
        }
        return seen.size();
    };
    EXPECT_EQ(template_processes({}), 1U);
    EXPECT_EQ(template_processes({.starts = 1}), 6U);
    EXPECT_EQ(template_processes({.starts = 2}), 3U);
    EXPECT_EQ(template_processes({.age = std::chrono::milliseconds(1)}), 6U);
    EXPECT_EQ(template_processes({.age = std::chrono::milliseconds::max()}), 1U);
    // As in C.
    EXPECT_EQ(template_processes({.starts = 0, .age = std::chrono::milliseconds(0)}), 1U);
    auto negative =
        Template::open("/bin/true", {.recapture = {.age = std::chrono::milliseconds(-1)}});
    ASSERT_FALSE(negative);
    EXPECT_EQ(negative.error().code, std::errc::invalid_argument);
}

TEST_F(WarmTest, holds_less_than_two_megabytes_of_its_own) {
    Template program = allowed("/bin/true");
    EXPECT_EQ(start(program).backend, "warm");
    std::uint64_t kib = 0;
    for (pid_t pid : wait_for_children(2)) {
        std::istringstream rollup(read_file("/proc/" + std::to_string(pid) + "/smaps_rollup"));
        for (std::string line; std::getline(rollup, line);)
            if (line.starts_with("Private_Dirty:"))
                kib += std::stoull(line.substr(line.find(':') + 1));
    }
    EXPECT_GT(kib, 0U);
    EXPECT_LE(kib, 2048U);
}

TEST_F(WarmTest, waiting_child_goes_with_the_template) {
    {
        Template program = allowed("/bin/true");
        EXPECT_EQ(start(program).backend, "warm");
        EXPECT_EQ(wait_for_children(2).size(), 2U);
    }
    EXPECT_THAT(children(), IsEmpty());
}

TEST_F(WarmTest, canary_and_random_bytes_are_each_childs_own) {
    Template program = allowed(payload("secrets"));
    std::string first = start(program).out, second = start(program).out;
    std::istringstream one(first), two(second);
    for (std::string a, b; one >> a && two >> b;)
        EXPECT_NE(a, b);
    EXPECT_THAT(first, Not(IsEmpty()));
}

TEST_F(WarmTest, thread_id_and_names_are_the_childs) {
    Template program = allowed(payload("secrets"));
    Command command({"names"});
    command.arg0("/other/name");
    auto child = value_or_throw(program.spawn(Command(command).pipe_from_child(STDOUT_FILENO)));
    EXPECT_EQ(child.backend(), "warm") << child.why_not_warm();
    EXPECT_EQ(read_all(child.pipe(STDOUT_FILENO)),
              std::to_string(child.pid()) + " /other/name name\n");
    EXPECT_EQ(child.wait(), ExitStatus::exited(0));
}

TEST_F(WarmTest, all_attributes_at_once) {
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
