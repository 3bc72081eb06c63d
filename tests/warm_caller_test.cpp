// SPDX-License-Identifier: MIT
//
// A warm child has what its caller has at the moment of its start, whatever the template process
// was made by: nothing of the starts before, and all that has changed since.
#include "warm_support.hpp"

#include <ostream>
#include <string_view>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::HasSubstr;

class WarmCaller : public WarmTest {};

TEST_F(WarmCaller, environment_of_other_starts_is_not_in_a_childs_memory) {
    for (bool ready : {false, true}) {
        TemplateOptions options = warm_by_process();
        if (ready)
            options.ready_args.emplace();
        Template program = value_or_throw(Template::open(payload("memory"), options));
        Command search({"terces-s'tnanet-tsrif"});
        Output own = start(program, Command(search).env({"TOKEN=first-tenant's-secret", "B=2"}));
        EXPECT_EQ(own.backend, "warm");
        EXPECT_NE(own.out, "0\n");
        Output other = start(program, Command(search).env({"A=1"}));
        EXPECT_EQ(other.backend, "warm");
        EXPECT_EQ(other.out, "0\n");
    }
}

// --- what has changed since the capture ---------------------------------------------------------

struct Change {
    const char* name;
    bool (*make)();         ///< in the caller; false if that is not possible here
    bool settable = false;  ///< in a child, without a new capture
};

void PrintTo(const Change& change, std::ostream* stream) {
    *stream << change.name;
}

bool join_keyring() {
    return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) >= 0;
}

bool write_own(const char* file, std::string_view text) {
    Fd fd(open(file, O_WRONLY | O_CLOEXEC));
    return write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool lower_limit(__rlimit_resource resource, rlim_t soft) {
    rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur <= soft)
        return false;
    limit.rlim_cur = soft;
    return setrlimit(resource, &limit) == 0;
}

bool clamp_utilisation() {
    // As sched_setattr(2) takes it.
    struct {
        std::uint32_t size, policy;
        std::uint64_t flags;
        std::int32_t nice;
        std::uint32_t priority;
        std::uint64_t deadline[3];
        std::uint32_t min, max;
    } attributes{};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0)
        return false;
    constexpr std::uint64_t keep_all = 0x08 | 0x10, set_both = 0x20 | 0x40;
    attributes.flags = keep_all | set_both;
    attributes.min = 100;
    attributes.max = 500;
    return syscall(SYS_sched_setattr, 0, &attributes, 0) == 0;
}

bool use_first_cpu() {
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0 || CPU_COUNT(&cpus) == 1)
        return false;
    int cpu = 0;
    while (!CPU_ISSET(cpu, &cpus))
        ++cpu;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    return sched_setaffinity(0, sizeof(cpus), &cpus) == 0;
}

constexpr Change changes[] = {
    {"session_keyring", join_keyring},
    {"login", [] { return write_own("/proc/self/loginuid", "12345"); }},
    {"core_dump_filter", [] { return write_own("/proc/self/coredump_filter", "0x7f"); }},
    {"memory_policy",
     [] {
         unsigned long nodes = 1;
         return syscall(SYS_set_mempolicy, MPOL_BIND, &nodes, 64) == 0;
     }},
    {"merging_of_pages", [] { return prctl(67, 1, 0, 0, 0) == 0; }},  // PR_SET_MEMORY_MERGE
    {"memory_failures",
     [] { return prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE, 0, 0) == 0; }},
    {"write_and_execute", [] { return prctl(65, 1, 0, 0, 0) == 0; }},  // PR_SET_MDWE
    {"timer_slack", [] { return prctl(PR_SET_TIMERSLACK, 12345) == 0; }},
    {"utilisation", clamp_utilisation},
    {"stack_limit", [] { return lower_limit(RLIMIT_STACK, 4 << 20); }},
    {"data_limit", [] { return memory_can_be_limited && lower_limit(RLIMIT_DATA, 1 << 30); }},
    {"address_space_limit",
     [] { return memory_can_be_limited && lower_limit(RLIMIT_AS, rlim_t{1} << 40); }},
    {"process_limit", [] { return lower_limit(RLIMIT_NPROC, 500); }},
    {"file_size_limit", [] { return lower_limit(RLIMIT_FSIZE, 1 << 30); }, true},
    {"umask",
     [] {
         umask(0137);
         return true;
     },
     true},
    {"nice", [] { return setpriority(PRIO_PROCESS, 0, 7) == 0; }, true},
    {"scheduling_policy",
     [] {
         sched_param none{};
         return sched_setscheduler(0, SCHED_BATCH, &none) == 0;
     },
     true},
    {"scheduling_policy_of_the_thread_alone",
     [] {
         sched_param none{};
         return sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &none) == 0 &&
                setpriority(PRIO_PROCESS, 0, -3) == 0 && umask(0111) != 0111;
     }},
    {"affinity", use_first_cpu, true},
    {"ignored_signal", [] { return signal(SIGUSR1, SIG_IGN) == SIG_DFL; }, true},
};

class WarmChanges : public WarmTest, public testing::WithParamInterface<Change> {
protected:
    /// Whether it can be made here, tried by another process.
    static bool is_possible() {
        pid_t pid = fork();
        if (pid == 0)
            _exit(GetParam().make() ? 0 : 1);
        int status;
        return waitpid(pid, &status, 0) == pid && status == 0;
    }

    static std::string look(const Template& program) {
        Output output = start(program);
        EXPECT_TRUE(output.success());
        return output.out;
    }
};

TEST_P(WarmChanges, are_the_next_childs) {
    if (!is_possible())
        GTEST_SKIP() << "this kernel does not have that, or does not allow it here";
    in_another_process([] {
        Template warm = allowed(payload("inherited")), other = cold(payload("inherited"));
        std::string before = look(other);
        EXPECT_EQ(look(warm), before);
        pid_t captured = template_process();
        ASSERT_NE(captured, -1);
        ASSERT_TRUE(GetParam().make());
        std::string after = look(other);
        EXPECT_NE(after, before);
        for (int i = 0; i < 2; ++i) {
            Output output = start(warm);
            EXPECT_EQ(output.backend, "warm");
            EXPECT_EQ(output.out, after);
        }
        EXPECT_EQ(template_process() == captured, GetParam().settable);
    });
}

INSTANTIATE_TEST_SUITE_P(Callers, WarmChanges, testing::ValuesIn(changes),
                         [](const auto& info) { return info.param.name; });

TEST_F(WarmCaller, who_may_enter_no_namespace_can_do_so_by_way_of_a_user_namespace) {
    in_another_process([] {
        if (geteuid() == 0) {
            ASSERT_EQ(setresuid(12345, 12345, 12345), 0);
            ASSERT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
        }
        Template readlink = allowed("/bin/readlink"), other = cold("/bin/readlink");
        Command command({"/proc/self/ns/uts"});
        std::string before = same(readlink, "/bin/readlink", command);
        EXPECT_EQ(same(readlink, "/bin/readlink", command), before);
        if (unshare(CLONE_NEWUSER | CLONE_NEWUTS) != 0)
            return;
        Output after = start(readlink, command);
        EXPECT_NE(after.out, before);
        EXPECT_EQ(after.out, start(other, command).out);
    });
}

TEST_F(WarmCaller, start_does_not_give_its_caller_a_session_keyring) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can start others";
    in_another_process([] {
        Template warm = allowed(payload("inherited")), other = cold(payload("inherited"));
        // If the caller has one, they have it, too.
        Command nobodys;
        nobodys.user(65534);
        Output before = start(other, nobodys);
        for (int i = 0; i < 2; ++i)
            EXPECT_EQ(start(warm).backend, "warm");
        EXPECT_EQ(start(other, nobodys).out, before.out);
        EXPECT_EQ(start(warm, nobodys).out, before.out);
    });
}

TEST_F(WarmCaller, threads_with_a_cpu_of_their_own_share_a_template_process) {
    cpu_set_t cpus;
    ASSERT_EQ(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
    if (CPU_COUNT(&cpus) < 2)
        GTEST_SKIP() << "there is one CPU";
    std::vector<int> own;
    for (int cpu = 0; cpu < CPU_SETSIZE && own.size() < 2; ++cpu)
        if (CPU_ISSET(cpu, &cpus))
            own.push_back(cpu);
    Template grep = allowed("/bin/grep");
    Command command({"Cpus_allowed_list", "/proc/self/status"});
    ASSERT_EQ(start(grep, command).backend, "warm");
    pid_t captured = template_process();
    for (int i = 0; i < 10; ++i)
        for (int cpu : own)
            std::jthread([&, cpu] {
                cpu_set_t one;
                CPU_ZERO(&one);
                CPU_SET(cpu, &one);
                ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
                Output output = start(grep, command);
                EXPECT_EQ(output.backend, "warm");
                EXPECT_EQ(output.out, "Cpus_allowed_list:\t" + std::to_string(cpu) + "\n");
            }).join();
    EXPECT_EQ(template_process(), captured);
}

// Each child but the first has been bound to its caller's CPU while it waited for its request.
TEST_F(WarmCaller, child_of_who_waits_for_each_has_all_cpus_of_its_caller) {
    in_another_process([] {
        cpu_set_t all, one;
        ASSERT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
        int cpu = 0;
        while (!CPU_ISSET(cpu, &all))
            ++cpu;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        Command command({"Cpus_allowed_list", "/proc/self/status"});
        for (const cpu_set_t& at_capture : {all, one}) {
            ASSERT_EQ(sched_setaffinity(0, sizeof(at_capture), &at_capture), 0);
            Template grep = allowed("/bin/grep");
            for (const cpu_set_t& now : {at_capture, one, all}) {
                ASSERT_EQ(sched_setaffinity(0, sizeof(now), &now), 0);
                for (int i = 0; i < 3; ++i)
                    same(grep, "/bin/grep", command);
            }
        }
    });
}

TEST_F(WarmCaller, thread_that_is_less_nice_than_the_first_is_so_in_its_children) {
    const int first = getpriority(PRIO_PROCESS, 0);
    if (constexpr int nicest = 19; first + 9 > nicest)
        GTEST_SKIP() << "this test runs with a niceness of " << first << " already";
    in_another_process([&] {
        if (geteuid() == 0) {
            // Without privileges, none can become less nice.
            ASSERT_EQ(setresuid(12345, 12345, 12345), 0);
            ASSERT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
        }
        Template nice = allowed("/usr/bin/nice");
        auto niceness = [&] { return std::stoi(same(nice, "/usr/bin/nice", {})); };
        std::jthread([&] {
            ASSERT_EQ(setpriority(PRIO_PROCESS, 0, first + 5), 0);
            EXPECT_EQ(niceness(), first + 5);
        }).join();
        for (int i = 0; i < 2; ++i)
            EXPECT_EQ(niceness(), first);
        std::jthread([&] {
            ASSERT_EQ(setpriority(PRIO_PROCESS, 0, first + 9), 0);
            EXPECT_EQ(niceness(), first + 9);
        }).join();
    });
}

// --- what constructors have done ----------------------------------------------------------------

TEST_F(WarmCaller, what_a_library_does_before_main_is_not_undone) {
    for (auto [what, reason] : {std::pair("set", "changes the environment"),
                                {"unset", "changes the environment"},
                                {"umask", "changes the file mode mask"},
                                {"limit", "changes the limits"},
                                {"directory", "changes the working directory"},
                                {"output", "writes before main()"},
                                {"error", "writes before main()"}}) {
        Template program = allowed("/bin/sh");
        Command command({"-c", "echo $FROM_CONSTRUCTOR $LD_PRELOAD; umask; ulimit -f; pwd"});
        command.env({"CONSTRUCTOR=" + std::string(what),
                     "LD_PRELOAD=" + payload("libconstructor.so"), "PWD="});
        Output expected = start(cold("/bin/sh"), command), output = start(program, command);
        EXPECT_EQ(output.out, expected.out) << what;
        EXPECT_EQ(output.err, expected.err) << what;
        command.null(STDOUT_FILENO).null(STDERR_FILENO);
        EXPECT_THAT(why_not(program, command), HasSubstr(reason)) << what;
    }
}

TEST_F(WarmCaller, messages_of_the_dynamic_linker_are_the_childs) {
    for (const char* variable : {"LD_PRELOAD=/nonexistent.so", "LD_SHOW_AUXV=1"}) {
        Command command;
        command.env({variable}).null(STDOUT_FILENO).null(STDERR_FILENO);
        EXPECT_THAT(why_not(allowed("/bin/true"), command),
                    testing::AnyOf(HasSubstr("the dynamic linker says: "),
                                   HasSubstr("writes before main()")));
    }
}

// --- what an exec would do with the Command -----------------------------------------------------

TEST_F(WarmCaller, ids_that_the_kernel_tells_are_the_childs) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can start others";
    constexpr uid_t nobody = 65534;
    Command command;
    command.groups({}).group(nobody).user(nobody);
    std::string out = same(allowed(payload("inherited")), payload("inherited"), command);
    EXPECT_THAT(out, HasSubstr("id 11: 65534\ntold 11: 65534\n"));  // AT_UID
}

TEST_F(WarmCaller, limits_that_an_exec_looks_at_are_looked_at) {
    Template program = allowed("/bin/true");
    // With the second of these, no program comes to its main().
    for (auto [resource, soft] : {std::pair<int, std::uint64_t>(RLIMIT_STACK, 4 << 20),
                                  {RLIMIT_AS, 8192},
                                  {RLIMIT_DATA, 4 << 20}}) {
        rlimit own;
        ASSERT_EQ(getrlimit(static_cast<__rlimit_resource>(resource), &own), 0);
        Command same_limit, other;
        same_limit.limit(resource, own.rlim_cur, own.rlim_max);
        EXPECT_EQ(start(program, same_limit).backend, "warm");
        other.limit(resource, soft, own.rlim_max);
        auto expected = cold("/bin/true").spawn(other), child = program.spawn(other);
        ASSERT_EQ(child.has_value(), expected.has_value());
        if (child) {
            EXPECT_NE(child->backend(), "warm");
            EXPECT_EQ(value_or_throw(child->wait()), value_or_throw(expected->wait()));
        }
    }
}

TEST_F(WarmCaller, program_on_a_file_system_that_forbids_it_does_not_run) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can mount a file system";
    TemporaryDirectory directory;
    in_another_process([&] {
        mount_privately(directory.path(), "tmpfs");
        copy_program("/bin/true", directory / "program");
        Template program = allowed(directory / "program"), other = cold(directory / "program");
        EXPECT_EQ(start(program).backend, "warm");
        ASSERT_EQ(mount("none", directory.path().c_str(), "tmpfs", MS_REMOUNT | MS_NOEXEC, nullptr),
                  0);
        auto child = program.spawn();
        ASSERT_FALSE(child);
        EXPECT_EQ(child.error().message(), other.spawn().error().message());
        ASSERT_EQ(mount("none", directory.path().c_str(), "tmpfs", MS_REMOUNT, nullptr), 0);
        EXPECT_TRUE(start(program).success());
    });
}

TEST_F(WarmCaller, limit_of_processes_is_the_callers) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can be another user";
    in_another_process([] {
        constexpr uid_t user = 12345;
        ASSERT_EQ(setgroups(0, nullptr), 0);
        ASSERT_EQ(setresgid(user, user, user), 0);
        ASSERT_EQ(setresuid(user, user, user), 0);
        ASSERT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
        rlimit limit{.rlim_cur = 6, .rlim_max = 1'000};
        ASSERT_EQ(setrlimit(RLIMIT_NPROC, &limit), 0);
        Template program = allowed("/bin/sleep");
        std::vector<Child> sleeping;
        auto start_one = [&] {
            sleeping.push_back(value_or_throw(program.spawn(Command({"1000"}))));
            sleeping.back().stop_at_end(StopPolicy::killing());
        };
        start_one();
        EXPECT_EQ(sleeping.back().backend(), "warm") << sleeping.back().why_not_warm();
        limit.rlim_cur = limit.rlim_max;
        ASSERT_EQ(setrlimit(RLIMIT_NPROC, &limit), 0);
        for (int i = 0; i < 10; ++i)
            start_one();
        EXPECT_EQ(sleeping.back().backend(), "warm") << sleeping.back().why_not_warm();
        // No room for a child: that of another backend says so.
        limit.rlim_cur = 1;
        ASSERT_EQ(setrlimit(RLIMIT_NPROC, &limit), 0);
        auto child = program.spawn(Command({"1000"}));
        ASSERT_FALSE(child);
        EXPECT_EQ(child.error().message(), cold("/bin/sleep").spawn().error().message());
    });
}

}  // namespace
}  // namespace spawntpl::tests
