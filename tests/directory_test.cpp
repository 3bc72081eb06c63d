// SPDX-License-Identifier: MIT
//
// The child's working directory.
#include "support.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

class Directory : public BackendTest {
protected:
    Error cwd_failure(const std::string& path) const {
        Error error = failure(must_open(payload("exit0")), Command().cwd(path));
        EXPECT_EQ(error.step, Step::enter_directory);
        EXPECT_EQ(error.path, path);
        return error;
    }

    TemporaryDirectory directory_;
};
FOR_EACH_WAY(Directory);

TEST_P(Directory, is_inherited) {
    EXPECT_EQ(show().cwd, std::filesystem::current_path());
}

TEST_P(Directory, is_entered) {
    EXPECT_EQ(show(Command().cwd(directory_.path())).cwd, directory_.path());
    EXPECT_EQ(show(Command().cwd("/")).cwd, "/");
}

TEST_P(Directory, relative_starts_at_the_caller) {
    auto before = std::filesystem::current_path();
    std::filesystem::create_directory(directory_ / "sub");
    std::filesystem::current_path(directory_.path());
    EXPECT_EQ(show(Command().cwd("sub")).cwd, directory_ / "sub");
    EXPECT_EQ(show(Command().cwd(".")).cwd, directory_.path());
    std::filesystem::current_path(before);
}

TEST_P(Directory, does_not_change_where_a_relative_program_is) {
    auto before = std::filesystem::current_path();
    std::filesystem::current_path(program_directory());
    Template program = must_open("payloads/show");
    std::filesystem::current_path(before);
    Shown shown = show(program, Command().cwd(directory_.path()));
    EXPECT_EQ(shown.cwd, directory_.path());
    EXPECT_THAT(shown.args, testing::ElementsAre("payloads/show"));
    EXPECT_EQ(shown.execfn, payload("show"));
}

TEST_P(Directory, needs_no_read_permission) {
    std::filesystem::create_directory(directory_ / "sub");
    ASSERT_EQ(chmod((directory_ / "sub").c_str(), 0111), 0);
    ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
    EXPECT_EQ(show(Command().cwd(directory_ / "sub")).cwd, directory_ / "sub");
}

TEST_P(Directory, at_a_descriptor) {
    std::filesystem::create_directories(directory_ / "sub/below");
    Fd sub(::open((directory_ / "sub").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    EXPECT_EQ(show(Command().cwd_at(sub.get())).cwd, directory_ / "sub");
    EXPECT_EQ(show(Command().cwd_at(sub.get(), "below")).cwd, directory_ / "sub/below");
    EXPECT_EQ(show(Command().cwd_at(sub.get(), "..")).cwd, directory_.path());
    EXPECT_EQ(show(Command().cwd_at(sub.get(), "/")).cwd, "/");
    EXPECT_FALSE(show(Command().cwd_at(sub.get())).fds.contains(sub.get()));
}

TEST_P(Directory, at_a_descriptor_follows_the_directory) {
    std::filesystem::create_directory(directory_ / "old");
    Fd fd(::open((directory_ / "old").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::filesystem::rename(directory_ / "old", directory_ / "new");
    EXPECT_EQ(show(Command().cwd_at(fd.get())).cwd, directory_ / "new");
}

TEST_P(Directory, at_the_callers_is_as_without_a_descriptor) {
    auto before = std::filesystem::current_path();
    std::filesystem::create_directory(directory_ / "sub");
    std::filesystem::current_path(directory_.path());
    EXPECT_EQ(show(Command().cwd_at(AT_FDCWD, "sub")).cwd, directory_ / "sub");
    std::filesystem::current_path(before);
}

TEST_P(Directory, last_one_counts) {
    Fd fd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    EXPECT_EQ(show(Command().cwd_at(fd.get()).cwd(directory_.path())).cwd, directory_.path());
    EXPECT_EQ(show(Command().cwd(directory_.path()).cwd_at(fd.get())).cwd, "/");
}

TEST_P(Directory, bad_descriptor_is_named) {
    Template program = must_open(payload("exit0"));
    auto at_failure = [&](int fd, const std::string& path) {
        Error error = failure(program, Command().cwd_at(fd, path));
        EXPECT_EQ(error.step, Step::enter_directory);
        EXPECT_EQ(error.source, fd);
        EXPECT_EQ(error.path, path);
        return error;
    };
    Fd null = open_null();
    std::string number = std::to_string(null.get());
    Error error = at_failure(null.get(), "");
    EXPECT_EQ(error.code, std::errc::not_a_directory);
    EXPECT_EQ(error.message(),
              "cannot enter working directory of descriptor " + number + ": Not a directory");
    error = at_failure(null.get(), "sub");
    EXPECT_EQ(error.code, std::errc::not_a_directory);
    EXPECT_EQ(error.message(),
              "cannot enter working directory 'sub' of descriptor " + number + ": Not a directory");
    Fd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    EXPECT_EQ(at_failure(root.get(), "none").code, std::errc::no_such_file_or_directory);
    int closed = null.get();
    null.reset();
    EXPECT_EQ(at_failure(closed, "").code, std::errc::bad_file_descriptor);
    EXPECT_EQ(at_failure(closed, "sub").code, std::errc::bad_file_descriptor);
}

TEST_P(Directory, missing_is_named) {
    Error error = cwd_failure(directory_ / "missing");
    EXPECT_EQ(error.code, std::errc::no_such_file_or_directory);
    EXPECT_EQ(error.message(), "cannot enter working directory '" + directory_.path() +
                                   "/missing': No such file or directory");
    EXPECT_EQ(cwd_failure("").code, std::errc::no_such_file_or_directory);
}

TEST_P(Directory, nul_is_refused) {
    using namespace std::string_literals;
    Error error = cwd_failure("/\0x"s);
    EXPECT_EQ(error.code, std::errc::invalid_argument);
    EXPECT_EQ(error.detail, "the path contains a NUL");
}

TEST_P(Directory, file_is_named) {
    write_file(directory_ / "file", "");
    EXPECT_EQ(cwd_failure(directory_ / "file").code, std::errc::not_a_directory);
}

TEST_P(Directory, forbidden_is_named) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can give up its rights and take them back";
    ASSERT_EQ(chmod(directory_.path().c_str(), 0700), 0);
    Template program = must_open("/bin/true");
    ASSERT_EQ(seteuid(65534), 0);
    Error error = failure(program, Command().cwd(directory_.path()));
    ASSERT_EQ(seteuid(0), 0);
    EXPECT_EQ(error.code, std::errc::permission_denied);
    EXPECT_EQ(error.step, Step::enter_directory);
    EXPECT_EQ(error.path, directory_.path());
}

}  // namespace
}  // namespace spawntpl::tests
