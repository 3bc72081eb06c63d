// SPDX-License-Identifier: MIT
//
// What the child's descriptors refer to.
#include "support.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

class Redirections : public BackendTest {
protected:
    std::string in_directory(const std::string& name) const { return directory_ / name; }

    /// A file of this name, opened as a descriptor.
    Fd make_file(const std::string& name) const {
        return Fd(::open(in_directory(name).c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    }

    ExitStatus say(Command command, std::vector<std::string> args) const {
        return run(must_open(payload("say")), command.args(std::move(args)));
    }

    TemporaryDirectory directory_;
};
FOR_EACH_WAY(Redirections);

TEST_P(Redirections, any_descriptor_to_any_number) {
    Fd a = make_file("a"), b = make_file("b");
    Command command;
    command.fd(1, a.get()).fd(7, b.get()).fd(63, a.get());
    EXPECT_EQ(say(command, {"1", "one", "7", "seven", "63", "more"}).code(), 0);
    EXPECT_EQ(read_file(in_directory("a")), "onemore");
    EXPECT_EQ(read_file(in_directory("b")), "seven");
}

TEST_P(Redirections, close_on_exec_source_stays_open_in_the_child) {
    Fd file = make_file("a");
    EXPECT_EQ(say(Command().fd(file.get(), file.get()), {std::to_string(file.get()), "x"}).code(),
              0);
    EXPECT_EQ(read_file(in_directory("a")), "x");
    EXPECT_EQ(fcntl(file.get(), F_GETFD), FD_CLOEXEC);
}

TEST_P(Redirections, two_swap) {
    Fd a = make_file("a"), b = make_file("b");
    Command command;
    command.fd(a.get(), b.get()).fd(b.get(), a.get());
    EXPECT_EQ(
        say(command, {std::to_string(a.get()), "to b", std::to_string(b.get()), "to a"}).code(), 0);
    EXPECT_EQ(read_file(in_directory("a")), "to a");
    EXPECT_EQ(read_file(in_directory("b")), "to b");
}

TEST_P(Redirections, standard_output_and_error_swap) {
    Fd out = make_file("out"), err = make_file("err");
    Fd saved_out(dup(1)), saved_err(dup(2));
    dup2(out.get(), 1);
    dup2(err.get(), 2);
    ExitStatus status = say(Command().fd(1, 2).fd(2, 1), {"1", "said on 1", "2", "said on 2"});
    dup2(saved_out.get(), 1);
    dup2(saved_err.get(), 2);
    EXPECT_EQ(status.code(), 0);
    EXPECT_EQ(read_file(in_directory("out")), "said on 2");
    EXPECT_EQ(read_file(in_directory("err")), "said on 1");
}

TEST_P(Redirections, many_rotate) {
    constexpr int count = 20;
    std::vector<Fd> files;
    for (int i = 0; i < count; ++i)
        files.push_back(make_file(std::to_string(i)));
    Command command;
    std::vector<std::string> args;
    for (int i = 0; i < count; ++i) {
        command.fd(files[i].get(), files[(i + 1) % count].get());
        args.insert(args.end(), {std::to_string(files[i].get()), std::to_string((i + 1) % count)});
    }
    EXPECT_EQ(say(command, args).code(), 0);
    for (int i = 0; i < count; ++i)
        EXPECT_EQ(read_file(in_directory(std::to_string(i))), std::to_string(i));
}

TEST_P(Redirections, last_one_of_a_target_counts) {
    Fd a = make_file("a"), b = make_file("b");
    EXPECT_EQ(say(Command().fd(1, a.get()).null(1).fd(1, b.get()), {"1", "x"}).code(), 0);
    EXPECT_EQ(read_file(in_directory("a")), "");
    EXPECT_EQ(read_file(in_directory("b")), "x");
}

TEST_P(Redirections, files_are_opened_as_asked) {
    std::string path = in_directory("new");
    mode_t old = umask(022);
    Command create;
    create.file(1, path, O_WRONLY | O_CREAT | O_EXCL, 0606);
    EXPECT_EQ(say(create, {"1", "first"}).code(), 0);
    umask(old);
    struct stat status;
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0604u);

    EXPECT_EQ(say(Command().file(5, path, O_WRONLY | O_APPEND), {"5", " second"}).code(), 0);
    EXPECT_EQ(read_file(path), "first second");
    EXPECT_EQ(say(Command().file(1, path, O_WRONLY | O_TRUNC), {"1", "third"}).code(), 0);
    EXPECT_EQ(read_file(path), "third");
    EXPECT_EQ(say(Command().file(1, path, O_RDONLY), {"1", "x"}).code(), 1);
}

TEST_P(Redirections, relative_files_start_at_the_caller) {
    auto before = std::filesystem::current_path();
    std::filesystem::current_path(directory_.path());
    Command command;
    command.cwd("/").file(1, "here", O_WRONLY | O_CREAT);
    EXPECT_EQ(say(command, {"1", "x"}).code(), 0);
    std::filesystem::current_path(before);
    EXPECT_EQ(read_file(in_directory("here")), "x");
}

TEST_P(Redirections, null_swallows) {
    Fd null = open_null();
    Shown shown = show(Command().null(0).null(2).null(9));
    for (int fd : {0, 2, 9})
        EXPECT_EQ(shown.fds[fd], identity(null.get()));
}

TEST_P(Redirections, closed_are_not_there) {
    Shown shown = show(Command().close(0).close(2).close(40));
    EXPECT_THAT(shown.fds, testing::ElementsAre(testing::Key(1)));
    EXPECT_EQ(say(Command().close(1), {"1", "x"}).code(), 1);
}

TEST_P(Redirections, close_beyond_the_limit_is_done_or_refused) {
    rlimit old{};
    getrlimit(RLIMIT_NOFILE, &old);
    Template program = must_open(payload("exit0"));
    Fd kept(fcntl(1, F_DUPFD, 200)), left(fcntl(1, F_DUPFD_CLOEXEC, 200));
    rlimit low{.rlim_cur = 100, .rlim_max = old.rlim_max};
    setrlimit(RLIMIT_NOFILE, &low);
    EXPECT_EQ(run(program, Command().close(kept.get())), ExitStatus::exited(0));
    EXPECT_EQ(run(program, Command().inherit_fds().close(left.get())), ExitStatus::exited(0));
    Command command;
    command.inherit_fds().close(kept.get());
    if (backend() == "posix_spawn") {
        Error error = failure(program, command);
        EXPECT_EQ(error.code, std::errc::bad_file_descriptor);
        EXPECT_EQ(error.step, Step::redirect);
        EXPECT_EQ(error.target, kept.get());
    } else {
        EXPECT_FALSE(show(command).fds.contains(kept.get()));
    }
    setrlimit(RLIMIT_NOFILE, &old);
}

TEST_P(Redirections, closed_source_is_named) {
    Template program = must_open(payload("exit0"));
    int closed = open_null().get();
    Error error = failure(program, Command().null(0).fd(5, closed));
    EXPECT_EQ(error.code, std::errc::bad_file_descriptor);
    EXPECT_EQ(error.step, Step::redirect);
    EXPECT_EQ(error.index, 1);
    EXPECT_EQ(error.target, 5);
    EXPECT_EQ(error.source, closed);
    EXPECT_EQ(error.message(), "cannot redirect descriptor 5 to descriptor " +
                                   std::to_string(closed) + ": Bad file descriptor");
}

TEST_P(Redirections, opened_file_does_not_stand_in_for_a_closed_source) {
    // The file is opened at the lowest free number, which is the closed source's.
    Template program = must_open(payload("exit0"));
    int closed = open_null().get();
    EXPECT_EQ(failure(program, Command().null(6).fd(7, closed)).index, 1);
}

TEST_P(Redirections, missing_file_is_named) {
    Error error =
        failure(must_open(payload("exit0")), Command().file(4, in_directory("none"), O_RDONLY));
    EXPECT_EQ(error.code, std::errc::no_such_file_or_directory);
    EXPECT_EQ(error.step, Step::redirect);
    EXPECT_EQ(error.index, 0);
    EXPECT_EQ(error.path, in_directory("none"));
    EXPECT_EQ(error.message(), "cannot redirect descriptor 4 to '" + in_directory("none") +
                                   "': No such file or directory");
}

TEST_P(Redirections, nul_in_a_path_is_refused) {
    using namespace std::string_literals;
    Error error =
        failure(must_open(payload("exit0")), Command().file(0, "/dev/null\0x"s, O_RDONLY));
    EXPECT_EQ(error.code, std::errc::invalid_argument);
    EXPECT_EQ(error.step, Step::redirect);
    EXPECT_EQ(error.index, 0);
    EXPECT_EQ(error.detail, "the path contains a NUL");
}

TEST_P(Redirections, impossible_targets_are_named) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    for (int target : {-1, -100, static_cast<int>(limit.rlim_cur)}) {
        Error error = failure(must_open(payload("exit0")), Command().fd(1, 1).null(target));
        EXPECT_EQ(error.code, std::errc::bad_file_descriptor);
        EXPECT_EQ(error.step, Step::redirect);
        EXPECT_EQ(error.index, 1);
        EXPECT_EQ(error.target, target);
    }
    EXPECT_EQ(
        run(must_open(payload("exit0")), Command().null(static_cast<int>(limit.rlim_cur) - 1)),
        ExitStatus::exited(0));
}

TEST_P(Redirections, input_may_be_as_large_as_a_file_of_the_caller) {
    Template program = must_open(payload("exit0"));
    rlimit saved{};
    getrlimit(RLIMIT_FSIZE, &saved);
    rlimit small{.rlim_cur = 100, .rlim_max = saved.rlim_max};
    // What this program writes meanwhile would be too large, too.
    setrlimit(RLIMIT_FSIZE, &small);
    auto fits = program.spawn(Command().input(std::string(100, 'x')));
    auto larger = program.spawn(Command().null(1).input(std::string(101, 'x')));
    setrlimit(RLIMIT_FSIZE, &saved);
    ASSERT_TRUE(fits);
    EXPECT_TRUE(fits->wait()->success());
    ASSERT_FALSE(larger);
    EXPECT_EQ(larger.error().code, std::errc::file_too_large);
    EXPECT_EQ(larger.error().index, 1);
    EXPECT_THAT(larger.error().message(),
                testing::HasSubstr("101 bytes are more than the caller's RLIMIT_FSIZE"));
}

}  // namespace
}  // namespace spawntpl::tests
