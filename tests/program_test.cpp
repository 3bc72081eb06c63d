// SPDX-License-Identifier: MIT
//
// Finding the program of a template, and what becomes of it later.
#include "support.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::HasSubstr;

class Programs : public BackendTest {
protected:
    Error open_failure(const std::string& program) const {
        auto result = open(program);
        if (result) {
            ADD_FAILURE() << program << " should not have been found";
            return {};
        }
        EXPECT_EQ(result.error().step, Step::resolve_program);
        EXPECT_EQ(result.error().path, program);
        return result.error();
    }

    /// An executable in a directory of the test's own.
    std::string make_program(const std::string& name, const std::string& from = "exit0") const {
        copy_program(payload(from), directory_ / name);
        return directory_ / name;
    }

    Error expect_open_step(const Template& program, std::errc code) const {
        Error error = failure(program);
        EXPECT_EQ(error.code, code);
        EXPECT_EQ(error.step, Step::open_program);
        EXPECT_EQ(error.path, program.program());
        return error;
    }

    TemporaryDirectory directory_;
};
FOR_EACH_WAY(Programs);

TEST_P(Programs, start_by_path) {
    Template program = must_open(make_program("program"));
    EXPECT_EQ(program.program(), directory_ / "program");
    if (options().warm == Warm::never) {
        EXPECT_EQ(program.backend(), backend());
    }
    EXPECT_EQ(run(program), ExitStatus::exited(0));
}

TEST_P(Programs, start_by_name) {
    make_program("program", "show");
    ScopedEnv path("PATH", ("/nonexistent:" + directory_.path()).c_str());
    Template program = must_open("program");
    EXPECT_EQ(program.program(), directory_ / "program");
    Shown shown = show(program, {});
    EXPECT_EQ(shown.execfn, directory_ / "program");
    EXPECT_THAT(shown.args, testing::ElementsAre("program"));
}

TEST_P(Programs, name_is_looked_up_once) {
    make_program("program");
    Template program = [&] {
        ScopedEnv path("PATH", directory_.path().c_str());
        return must_open("program");
    }();
    EXPECT_EQ(run(program), ExitStatus::exited(0));
}

TEST_P(Programs, symbolic_links_are_followed) {
    std::filesystem::create_symlink(make_program("program", "show"), directory_ / "link");
    EXPECT_EQ(show(must_open(directory_ / "link"), {}).execfn, directory_ / "link");
}

TEST_P(Programs, copies_of_a_template_outlive_it) {
    auto program = open(make_program("program"));
    ASSERT_TRUE(program);
    Template copy = *program;
    program = std::unexpected(Error{});
    EXPECT_EQ(run(copy), ExitStatus::exited(0));
}

TEST_P(Programs, missing_is_named) {
    Error error = open_failure(directory_ / "missing");
    EXPECT_EQ(error.code, std::errc::no_such_file_or_directory);
    EXPECT_EQ(error.message(),
              "cannot find program '" + directory_.path() + "/missing': No such file or directory");
    error = open_failure("spawntpl-missing");
    EXPECT_EQ(error.code, std::errc::no_such_file_or_directory);
    EXPECT_THAT(error.message(), HasSubstr("PATH"));
    EXPECT_EQ(open_failure("").code, std::errc::no_such_file_or_directory);
}

TEST_P(Programs, not_executable_is_named) {
    write_file(directory_ / "data", "#!/bin/sh\n", 0644);
    EXPECT_EQ(open_failure(directory_ / "data").code, std::errc::permission_denied);
}

TEST_P(Programs, forbidden_is_named) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can give up its rights and take them back";
    std::string path = make_program("program");
    ASSERT_EQ(chmod(path.c_str(), 0700), 0);
    ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
    Template program = must_open(path);
    ASSERT_EQ(seteuid(65534), 0);
    Error at_open = open_failure(path);
    Error at_start = failure(program);
    ASSERT_EQ(seteuid(0), 0);
    EXPECT_EQ(at_open.code, std::errc::permission_denied);
    EXPECT_EQ(at_start.code, std::errc::permission_denied);
    EXPECT_EQ(at_start.step, Step::open_program);
}

TEST_P(Programs, directory_is_no_program) {
    EXPECT_EQ(open_failure(directory_.path()).code, std::errc::permission_denied);
    EXPECT_EQ(open_failure("/").code, std::errc::permission_denied);
}

TEST_P(Programs, path_through_a_file_is_named) {
    EXPECT_EQ(open_failure(make_program("program") + "/x").code, std::errc::not_a_directory);
}

TEST_P(Programs, not_a_program_is_named) {
    write_file(directory_ / "data", "neither ELF nor script", 0755);
    write_file(directory_ / "empty", "", 0755);
    for (const char* name : {"data", "empty"}) {
        Error error = failure(must_open(directory_ / name));
        EXPECT_EQ(error.code, std::errc::executable_format_error);
        EXPECT_EQ(error.step, Step::execute);
        EXPECT_EQ(error.path, directory_ / name);
    }
}

TEST_P(Programs, text_file_busy) {
    Template program = must_open(make_program("program"));
    {
        Fd writer(::open(program.program().c_str(), O_WRONLY | O_CLOEXEC));
        ASSERT_TRUE(writer);
        expect_open_step(program, std::errc::text_file_busy);
    }
    EXPECT_EQ(run(program), ExitStatus::exited(0));
}

TEST_P(Programs, template_does_not_keep_the_file_busy) {
    Template program = must_open(make_program("program"));
    Fd writer(::open(program.program().c_str(), O_WRONLY | O_CLOEXEC));
    EXPECT_TRUE(writer);
}

TEST_P(Programs, deleted_is_named) {
    Template program = must_open(make_program("program"));
    std::filesystem::remove(program.program());
    expect_open_step(program, std::errc::no_such_file_or_directory);
}

TEST_P(Programs, replaced_is_followed) {
    Template program = must_open(make_program("program"));
    EXPECT_EQ(run(program).code(), 0);
    std::filesystem::rename(make_program("new", "end"), program.program());
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(run(program, Command({"exit", "5"})).code(), 5);

    std::filesystem::remove(program.program());
    expect_open_step(program, std::errc::no_such_file_or_directory);
    make_program("program");
    EXPECT_EQ(run(program).code(), 0);
}

TEST_P(Programs, changed_mode_is_noticed) {
    Template program = must_open(make_program("program"));
    ASSERT_EQ(chmod(program.program().c_str(), 0644), 0);
    expect_open_step(program, std::errc::permission_denied);
    ASSERT_EQ(chmod(program.program().c_str(), 0755), 0);
    EXPECT_EQ(run(program), ExitStatus::exited(0));
}

class DescriptorPrograms : public Programs {
protected:
    Result<Template> from_fd(int fd) const { return Template::from_fd(fd, "name", options()); }
};
FOR_EACH_WAY(DescriptorPrograms);

TEST_P(DescriptorPrograms, start) {
    for (int flags : {O_RDONLY, O_PATH}) {
        Fd fd(::open(payload("show").c_str(), flags | O_CLOEXEC));
        auto program = from_fd(fd.get());
        ASSERT_TRUE(program) << program.error().message();
        fd.reset();
        EXPECT_EQ(program->program(), "name");
        Shown shown = show(*program, Command({"x"}));
        EXPECT_THAT(shown.args, testing::ElementsAre("name", "x"));
        EXPECT_THAT(shown.fds, testing::SizeIs(3));
    }
}

TEST_P(DescriptorPrograms, start_when_redirections_use_its_number) {
    Fd fd(::open(payload("show").c_str(), O_PATH | O_CLOEXEC));
    auto program = from_fd(fd.get());
    ASSERT_TRUE(program) << program.error().message();
    Command command;
    for (int target = 3; target < 40; ++target)
        command.null(target);
    EXPECT_EQ(show(*program, command).fds.size(), 40u);
}

TEST_P(DescriptorPrograms, start_after_the_file_was_deleted) {
    std::string path = make_program("program");
    Fd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
    auto program = from_fd(fd.get());
    ASSERT_TRUE(program) << program.error().message();
    std::filesystem::remove(path);
    EXPECT_EQ(run(*program), ExitStatus::exited(0));
}

TEST_P(DescriptorPrograms, bad_ones_are_refused) {
    int closed = open_null().get();
    EXPECT_EQ(from_fd(closed).error().code, std::errc::bad_file_descriptor);
    Fd null = open_null();
    EXPECT_EQ(from_fd(null.get()).error().code, std::errc::permission_denied);
    EXPECT_EQ(from_fd(null.get()).error().step, Step::resolve_program);
}

TEST_P(DescriptorPrograms, scripts_are_refused) {
    write_file(directory_ / "script", "#!/bin/sh\n", 0755);
    for (int flags : {O_RDONLY, O_PATH}) {
        Fd fd(::open((directory_ / "script").c_str(), flags | O_CLOEXEC));
        auto program = from_fd(fd.get());
        ASSERT_FALSE(program);
        EXPECT_EQ(program.error().code, std::errc::executable_format_error);
        EXPECT_THAT(program.error().message(), HasSubstr("script"));
    }
}

}  // namespace
}  // namespace spawntpl::tests
