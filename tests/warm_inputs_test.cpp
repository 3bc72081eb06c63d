// SPDX-License-Identifier: MIT
//
// What the dynamic linker and the constructors of libraries looked for and read when a program was
// captured: a child for which they would have found something else is not a copy of that process.
#include "warm_support.hpp"
#include "watched_files.hpp"

#include <filesystem>
#include <memory>

#include <sys/mount.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::HasSubstr;

/// A program whose library is found somewhere else each time.
class WarmLibrarySearch : public WarmTest {
protected:
    WarmLibrarySearch() {
        copy_program(payload("version"), program());
        for (const char* directory : {"one/lib", "two/lib", "early"})
            std::filesystem::create_directories(directory_ / directory);
        write_library("one/lib", 1);
        write_library("two/lib", 2);
    }

    std::string program() const { return directory_ / "version"; }

    void write_library(const std::string& directory, int version) const {
        std::string content = read_file(payload("libversion.so"));
        std::string digit = std::to_string(version);
        for (std::size_t at = 0; (at = content.find(marker, at)) != std::string::npos; ++at)
            content.replace(at + marker.size() - 1, 1, digit);
        write_file(directory_ / directory + "/libversion.so", content, 0755);
    }

    Command searching(const std::string& path) const {
        return Command().set_env("LD_LIBRARY_PATH", path);
    }

    /// The version that a cold start runs with, and a warm one has to.
    static int version(const Template& warm, const std::string& path, const Command& command) {
        std::string expected = start(cold(path), command).out;
        EXPECT_EQ(start(warm, command).out, expected);
        return expected.empty() ? -1 : expected[expected.size() - 2] - '0';
    }

    const std::string marker = "version 0000";
    TemporaryDirectory directory_;
};

TEST_F(WarmLibrarySearch, library_that_appears_earlier_in_the_path_is_the_one_that_runs) {
    for (const char* place : {"early", "early/glibc-hwcaps/x86-64-v2"}) {
        Template warm = allowed_by_name(program());
        Command command = searching(directory_ / "early:" + (directory_ / "one/lib"));
        EXPECT_EQ(version(warm, program(), command), 1);
        EXPECT_EQ(start(warm, command).backend, "warm");
        std::filesystem::create_directories(directory_ / place);
        write_library(place, 3);
        EXPECT_EQ(version(warm, program(), command), 3);
        EXPECT_EQ(start(warm, command).backend, "warm");
        std::filesystem::remove_all(directory_ / "early");
        EXPECT_EQ(version(warm, program(), command), 1);
    }
}

TEST_F(WarmLibrarySearch, path_of_directories_that_are_missing_is_warm) {
    Command command = searching(directory_ / "missing:" + (directory_ / "neither"));
    EXPECT_EQ(start(allowed("/bin/ls"), command).backend, "warm");
}

TEST_F(WarmLibrarySearch, path_that_begins_in_the_working_directory_is_not_warm) {
    for (const std::string& path :
         {std::string("lib"), ":" + (directory_ / "early"), std::string("./lib;/usr/lib")}) {
        Template warm = allowed_by_name(program());
        for (const char* place : {"one", "two"}) {
            std::string directory = directory_ / place + (path[0] == ':' ? "/lib" : "");
            Command command = searching(path).cwd(directory);
            EXPECT_EQ(version(warm, program(), command), place == std::string("one") ? 1 : 2);
            EXPECT_THAT(why_not(warm, command.null(1)), HasSubstr("working directory"));
        }
    }
}

TEST_F(WarmLibrarySearch, preloaded_object_of_the_working_directory_is_not_warm) {
    Template warm = allowed_by_name(program());
    Command command;
    command.set_env("LD_PRELOAD", "./libversion.so");
    for (const char* place : {"one", "two"}) {
        ASSERT_EQ(chdir((directory_ / place + "/lib").c_str()), 0);
        EXPECT_EQ(version(warm, program(), command), place == std::string("one") ? 1 : 2);
        EXPECT_THAT(why_not(warm, Command(command).null(1)), HasSubstr("working directory"));
    }
    ASSERT_EQ(chdir("/"), 0);
}

TEST_F(WarmLibrarySearch, variable_of_the_dynamic_linker_that_comes_twice_is_the_last_one) {
    Template warm = allowed_by_name(program());
    std::string one = "LD_PRELOAD=" + (directory_ / "one/lib/libversion.so");
    std::string two = "LD_PRELOAD=" + (directory_ / "two/lib/libversion.so");
    EXPECT_EQ(version(warm, program(), Command().env({one, two})), 2);
    EXPECT_EQ(version(warm, program(), Command().env({two, one})), 1);
    EXPECT_EQ(start(warm, Command().env({two, one})).backend, "warm");
}

TEST_F(WarmLibrarySearch, what_the_dynamic_linker_has_to_say_is_said_for_each_start) {
    Template warm = allowed_by_name(program());
    Command command = searching(directory_ / "one/lib");
    command.set_env("LD_PRELOAD", directory_ / "missing.so");
    Output output = start(warm, command), expected = start(cold(program()), command);
    EXPECT_THAT(expected.err, HasSubstr("missing.so"));
    EXPECT_EQ(output.err, expected.err);
    EXPECT_THAT(why_not(warm, command.null(1).null(2)), HasSubstr("missing.so"));
}

/// A program with a library whose constructor reads the environment.
class WarmConstructor : public WarmTest {
protected:
    WarmConstructor() {
        copy_program(payload("version"), program());
        copy_program(payload("libasking.so"), directory_ / "libversion.so");
    }

    std::string program() const { return directory_ / "version"; }

    TemporaryDirectory directory_;
};

TEST_F(WarmConstructor, variable_that_it_has_asked_for_is_the_one_of_this_start) {
    Template warm = allowed_by_name(program());
    for (const char* name : {"ASKED_FOR", "ASKED_FOR_SECURELY"})
        for (const char* value : {"", "1", "2"}) {
            Command command;
            command.set_env(name, value);
            EXPECT_EQ(start(warm, command).out, start(cold(program()), command).out);
        }
    EXPECT_EQ(start(warm).out, "none, none\n");
    EXPECT_EQ(start(warm).backend, "warm");
}

TEST_F(WarmConstructor, variables_that_nobody_has_asked_for_and_their_order_may_be_any) {
    Template warm = allowed_by_name(program());
    auto run = [&](std::vector<std::string> entries) {
        Output output = start(warm, Command().env(std::move(entries)));
        EXPECT_EQ(output.backend, "warm");
        EXPECT_EQ(output.out, "1, none\n");
        return template_process();
    };
    pid_t process = run({"TMPDIR=/job/1", "ASKED_FOR=1", "LANG=C"});
    EXPECT_EQ(run({"TMPDIR=/job/2", "ASKED_FOR=1", "LANG=C"}), process);
    EXPECT_EQ(run({"LANG=C", "G_DEBUG=all", "ASKED_FOR=1", "ASKED_FOR=2"}), process);
    EXPECT_NE(run({"LANG=C", "ASKED_FOR=1", "LD_BIND_NOT=1"}), process);
}

TEST_F(WarmConstructor, program_with_a_getenv_of_its_own_is_watched_for_what_is_likely) {
    if (access("/bin/bash", X_OK) != 0)
        GTEST_SKIP() << "there is no bash";
    Template warm = allowed_by_name("/bin/bash");
    auto run = [&](const char* variable, const char* value) {
        Command command({"-c", "echo $1", "bash", value});
        EXPECT_EQ(start(warm, command.set_env(variable, value)).backend, "warm");
        return template_process();
    };
    pid_t process = run("JOB", "1");
    EXPECT_EQ(run("JOB", "2"), process);
    EXPECT_NE(run("OPENSSL_CONF", "1"), process);
}

TEST_F(WarmConstructor, fork_handlers_of_an_unloaded_library_are_not_called) {
    std::filesystem::copy_file(directory_ / "libversion.so", directory_ / "other.so");
    Template warm = allowed_by_name(program());
    Command command;
    command.set_env("UNLOADED", directory_ / "other.so");
    for (int i = 0; i < 3; ++i) {
        Output output = start(warm, command);
        EXPECT_EQ(output.backend, "warm");
        EXPECT_EQ(output.out, "none, none\n");
    }
}

TEST_F(WarmTest, directory_of_the_capture_can_be_unmounted) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can mount a file system";
    TemporaryDirectory directory;
    in_another_process([&] {
        mount_privately(directory.path(), "tmpfs");
        ASSERT_EQ(chdir(directory.path().c_str()), 0);
        Template program = allowed("/bin/pwd");
        // The second child was made after the first.
        for (int i = 0; i < 2; ++i)
            same(program, "/bin/pwd", {});
        wait_for_children(2);
        ASSERT_EQ(chdir("/"), 0);
        EXPECT_EQ(umount(directory.path().c_str()), 0);
        EXPECT_EQ(start(program).out, "/\n");
    });
}

TEST(WatchedFiles, time_of_a_change_that_is_yet_to_come_is_not_a_change) {
    TemporaryDirectory directory;
    write_file(directory / "file", "1");
    auto watched = [&] {
        auto files = std::make_unique<detail::WatchedFiles>();
        files->add(directory / "file");
        return files;
    };
    // As if the clock had been set back since.
    constexpr timespec now{.tv_sec = 0, .tv_nsec = 0};
    auto first = watched();
    EXPECT_TRUE(first->changed_since(now, nullptr));
    EXPECT_FALSE(watched()->changed_since(now, first.get()));
    write_file(directory / "file", "22");
    EXPECT_TRUE(watched()->changed_since(now, first.get()));
}

}  // namespace
}  // namespace spawntpl::tests
