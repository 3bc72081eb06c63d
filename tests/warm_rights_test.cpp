// SPDX-License-Identifier: MIT
//
// Warm children never have more rights than an exec would have given them, nor fewer.
#include "warm_support.hpp"

#include <cstddef>
#include <numeric>
#include <thread>

#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::HasSubstr;

constexpr uid_t nobody = 65534;

class WarmRights : public WarmTest {
protected:
    void SetUp() override {
        if (geteuid() != 0)
            GTEST_SKIP() << "only root can be and start others";
        WarmTest::SetUp();
    }

    /// Another user with one capability, which an exec keeps if it is ambient.
    static void become_nobody_with(unsigned capability, bool ambient) {
        ASSERT_EQ(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), 0);
        ASSERT_EQ(setresgid(nobody, nobody, nobody), 0);
        ASSERT_EQ(setresuid(nobody, nobody, nobody), 0);
        __user_cap_header_struct head{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
        std::uint32_t bit = 1U << capability;
        __user_cap_data_struct data[2] = {
            {.effective = bit, .permitted = bit, .inheritable = ambient ? bit : 0}, {}};
        ASSERT_EQ(syscall(SYS_capset, &head, data), 0);
        ASSERT_EQ(prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0), 0);
        if (ambient) {
            ASSERT_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0), 0);
        }
    }

    static Command as(uid_t user) { return print_rights().user(user); }

    static Command print_rights() {
        return Command({"-E", "^(Uid|Gid|Groups|Cap...|NoNewPrivs):", "/proc/self/status"});
    }

    /// A start that is not warm, because of @p reason, and has the same rights as others.
    static void expect_cold(const Command& command, const std::string& reason) {
        Template grep = allowed("/bin/grep");
        Output expected = start(cold("/bin/grep"), command), output = start(grep, command);
        EXPECT_EQ(output.out, expected.out);
        EXPECT_THAT(why_not(grep, Command(command).null(STDOUT_FILENO)), HasSubstr(reason));
    }

    static void expect_warm(const Command& command) {
        same(allowed("/bin/grep"), "/bin/grep", command);
    }
};

TEST_F(WarmRights, of_root_who_becomes_somebody) {
    expect_warm(print_rights());
    expect_warm(as(nobody));
    expect_warm(as(0));
    expect_warm(as(nobody).groups({1, 2}).group(nobody).no_new_privileges());
}

TEST_F(WarmRights, of_somebody_who_may_become_root) {
    in_another_process([] {
        become_nobody_with(CAP_SETUID, true);
        expect_warm(print_rights());
        expect_warm(as(nobody - 1));
        expect_cold(as(0), "an exec as the other user would leave other capabilities");
    });
}

TEST_F(WarmRights, of_somebody_in_another_namespace) {
    in_another_process([] {
        become_nobody_with(CAP_SYS_ADMIN, true);
        Template readlink = allowed("/bin/readlink");
        Command command({"/proc/self/ns/uts"});
        std::string before = same(readlink, "/bin/readlink", command);
        ASSERT_EQ(unshare(CLONE_NEWUTS), 0);
        EXPECT_NE(same(readlink, "/bin/readlink", command), before);
    });
}

TEST_F(WarmRights, of_somebody_with_thousands_of_groups) {
    in_another_process([] {
        std::vector<gid_t> groups(5'000);
        std::iota(groups.begin(), groups.end(), 100'000);
        ASSERT_EQ(setgroups(groups.size(), groups.data()), 0);
        expect_cold(print_rights(), "cannot be read as a whole");
    });
}

TEST_F(WarmRights, that_an_exec_takes_away) {
    in_another_process([] {
        become_nobody_with(CAP_SETUID, false);
        // The caller can, a copy of what an exec has made could not.
        expect_cold(as(nobody - 1), "has other capabilities than the caller");
        expect_cold(print_rights(), "has other capabilities than the caller");
    });
}

TEST_F(WarmRights, that_an_exec_gives) {
    in_another_process([] {
        __user_cap_header_struct head{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
        __user_cap_data_struct none[2] = {};
        ASSERT_EQ(syscall(SYS_capset, &head, none), 0);
        expect_cold(print_rights(), "has other capabilities than the caller");
    });
}

TEST_F(WarmRights, that_securebits_keep) {
    in_another_process([] {
        ASSERT_EQ(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP), 0);
        expect_warm(print_rights());
        expect_cold(as(nobody), "an exec as the other user would leave other capabilities");
    });
}

TEST_F(WarmRights, to_look_at_itself) {
    Template cat = allowed("/bin/cat");
    Command command({"/proc/self/comm", "/proc/self/environ", "/proc/self/limits"});
    command.env({"A=1"}).groups({}).group(65534).user(65534);
    EXPECT_THAT(same(cat, "/bin/cat", command), HasSubstr("A=1"));
}

TEST_F(WarmRights, to_execute_the_program) {
    TemporaryDirectory directory;
    ASSERT_EQ(chmod(directory.path().c_str(), 0755), 0);
    copy_program("/bin/true", directory / "program");
    Template program = allowed(directory / "program");
    Command command;
    command.groups({}).group(65534).user(65534);
    EXPECT_TRUE(start(program, command).success());
    ASSERT_EQ(chmod((directory / "program").c_str(), 0700), 0);
    Error expected = cold(directory / "program").spawn(command).error();
    EXPECT_EQ(expected.code, std::errc::permission_denied);
    EXPECT_TRUE(start(program).success());
    auto child = program.spawn(command);
    ASSERT_FALSE(child);
    EXPECT_EQ(child.error().message(), expected.message());
}

class WarmSandbox : public WarmRights {
protected:
    /// No file may be read any more, but for what is open.
    static void enter_landlock() {
        landlock_ruleset_attr rules{};
        rules.handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE;
        Fd fd(static_cast<int>(
            syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules.handled_access_fs), 0)));
        ASSERT_TRUE(fd);
        ASSERT_EQ(syscall(SYS_landlock_restrict_self, fd.get(), 0), 0);
    }

    static bool has_landlock() {
        return syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) >
               0;
    }

    /// From now on, this system call is not permitted.
    static void forbid(unsigned number) {
        sock_filter filter[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
                                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
        sock_fprog program{.len = static_cast<unsigned short>(std::size(filter)), .filter = filter};
        ASSERT_EQ(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), 0);
    }

    /// The program cannot read this file, or cannot even be executed.
    static void expect_nothing_read(const Template& cat) {
        auto output = spawntpl::run(cat, Command({"/etc/passwd"}));
        if (output) {
            EXPECT_EQ(output->out, "");
        } else {
            EXPECT_EQ(output.error().code, std::errc::permission_denied);
        }
    }
};

TEST_F(WarmSandbox, of_a_caller_without_privileges) {
    if (!has_landlock())
        GTEST_SKIP() << "the kernel has no Landlock";
    in_another_process([] {
        Template cat = allowed("/bin/cat");
        ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        EXPECT_THAT(why_not(cat, Command({"/etc/passwd"}).null(STDOUT_FILENO)),
                    HasSubstr("the caller has no_new_privs"));
        enter_landlock();
        expect_nothing_read(cat);
    });
}

TEST_F(WarmSandbox, of_a_caller_with_privileges) {
    if (!has_landlock())
        GTEST_SKIP() << "the kernel has no Landlock";
    in_another_process([] {
        Template cat = allowed("/bin/cat");
        EXPECT_EQ(start(cat, Command({"/etc/passwd"})).backend, "warm");
        enter_landlock();
        for (int i = 0; i < 3; ++i)
            expect_nothing_read(cat);
    });
}

TEST_F(WarmSandbox, filters_are_never_taken_for_those_of_another_thread) {
    in_another_process([] {
        Template uname = allowed("/bin/uname");
        EXPECT_EQ(start(uname).backend, "warm");
        std::jthread([&] {
            forbid(SYS_getcwd);
            EXPECT_THAT(why_not(uname, Command().null(STDOUT_FILENO)),
                        HasSubstr("the caller has seccomp filters"));
        }).join();
        std::jthread([&] {
            forbid(SYS_uname);
            Output output = start(uname);
            EXPECT_NE(output.backend, "warm");
            EXPECT_FALSE(output.success());
        }).join();
        EXPECT_EQ(start(uname).backend, "warm");
    });
}

TEST_F(WarmSandbox, pid_namespace_for_children_is_entered_by_the_first_child_alone) {
    in_another_process([] {
        Template program = allowed("/bin/sh");
        EXPECT_EQ(start(program, Command({"-c", "exit $$"})).backend, "warm");
        ASSERT_EQ(unshare(CLONE_NEWPID), 0);
        Output output = start(program, Command({"-c", "exit $$"}));
        EXPECT_NE(output.backend, "warm");
        EXPECT_EQ(output.status, ExitStatus::exited(1));
    });
    in_another_process([] {
        Template program = allowed("/bin/sh");
        ASSERT_EQ(unshare(CLONE_NEWPID), 0);
        EXPECT_EQ(start(program, Command({"-c", "exit $$"})).status, ExitStatus::exited(1));
    });
}

}  // namespace
}  // namespace spawntpl::tests
