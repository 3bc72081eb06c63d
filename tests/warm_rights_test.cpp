// SPDX-License-Identifier: MIT
//
// Warm children never have more rights than an exec would have given them, nor fewer.
#include "warm_support.hpp"

#include <numeric>

#include <grp.h>
#include <linux/capability.h>
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

}  // namespace
}  // namespace spawntpl::tests
