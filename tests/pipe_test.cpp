// SPDX-License-Identifier: MIT
//
// Pipes to and from a child, bytes that it reads, and descriptors that are what another one is.
#include "support.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using namespace std::string_literals;

// Several times what a pipe holds.
constexpr std::size_t much = 3 * 1024 * 1024 + 1;

/// Bytes of every value, in an order that shows what is lost or repeated.
std::string make_bytes(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<char>(i * 7 + i / 251);
    return bytes;
}

bool is_pipe(int fd) {
    struct stat status {};
    return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

class Pipes : public BackendTest {
protected:
    Child start(const std::string& program, const Command& command) const {
        auto child = must_open(program).spawn(command);
        EXPECT_TRUE(child) << child.error().message();
        return std::move(*child);
    }

    Child start_shell(const std::string& script, Command command) const {
        return start("/bin/sh", command.args({"-c", script}));
    }

    static void write_all(int fd, const std::string& text) {
        EXPECT_EQ(write(fd, text.data(), text.size()), std::ssize(text));
    }

    Error redirect_failure(const Command& command) const {
        Error error = failure(must_open(payload("exit0")), command);
        EXPECT_EQ(error.step, Step::redirect);
        return error;
    }
};
FOR_EACH_WAY(Pipes);

TEST_P(Pipes, from_child) {
    Child child = start(payload("say"), Command({"1", "text"}).pipe_from_child(1));
    EXPECT_EQ(read_all(child.pipe(1)), "text");
    EXPECT_TRUE(child.wait()->success());
}

TEST_P(Pipes, to_child) {
    Child child = start("/bin/cat", Command().pipe_to_child(0).pipe_from_child(1));
    write_all(child.pipe(0), "there and back");
    child.take_pipe(0);
    EXPECT_EQ(child.pipe(0), -1);
    EXPECT_EQ(read_all(child.pipe(1)), "there and back");
    EXPECT_TRUE(child.wait()->success());
}

TEST_P(Pipes, ends_are_close_on_exec_and_blocking) {
    Child child = start("/bin/cat", Command().pipe_to_child(0).pipe_from_child(1));
    for (int target : {0, 1}) {
        EXPECT_TRUE(is_pipe(child.pipe(target)));
        EXPECT_EQ(fcntl(child.pipe(target), F_GETFD), FD_CLOEXEC);
        EXPECT_EQ(fcntl(child.pipe(target), F_GETFL) & O_NONBLOCK, 0);
    }
    EXPECT_EQ(child.pipe(2), -1);
    EXPECT_EQ(child.take_pipe(2).get(), -1);
    child.take_pipe(0);
    EXPECT_TRUE(child.wait()->success());
}

TEST_P(Pipes, several_at_once_and_of_any_number) {
    Command command;
    std::vector<std::string> args;
    for (int target : {1, 2, 3, 9, 63, 200}) {
        command.pipe_from_child(target);
        args.insert(args.end(), {std::to_string(target), "to " + std::to_string(target)});
    }
    Child child = start(payload("say"), command.args(args));
    for (int target : {200, 63, 9, 3, 2, 1})
        EXPECT_EQ(read_all(child.pipe(target)), "to " + std::to_string(target));
    EXPECT_TRUE(child.wait()->success());
}

TEST_P(Pipes, both_directions_on_high_numbers) {
    Child child =
        start_shell("cat <&7 >&9", Command().pipe_to_child(7).pipe_from_child(9).null(0).null(1));
    write_all(child.pipe(7), "x");
    child.take_pipe(7);
    EXPECT_EQ(read_all(child.pipe(9)), "x");
    EXPECT_TRUE(child.wait()->success());
}

TEST_P(Pipes, child_has_its_ends_and_no_other) {
    Command command = Command().pipe_to_child(0).pipe_from_child(1).pipe_from_child(5);
    Child child = start(payload("show"), command);
    std::string text = read_all(child.pipe(1));
    EXPECT_TRUE(child.wait()->success());
    // The two ends of a pipe have one identity.
    std::size_t shown = 0;
    for (std::size_t at = 0; (at = text.find("fd\0"s, at)) != std::string::npos; ++at)
        ++shown;
    for (int target : {0, 1, 5})
        EXPECT_NE(text.find(std::to_string(target) + " " + identity(child.pipe(target))),
                  std::string::npos);
    EXPECT_EQ(shown, 4U) << "0, 1, 2 and 5";
    EXPECT_EQ(read_all(child.pipe(5)), "") << "somebody else has the end that the child had";
}

TEST_P(Pipes, siblings_do_not_keep_each_others_ends) {
    Child first = start("/bin/cat", Command().pipe_to_child(0).pipe_from_child(1));
    Child second = start("/bin/cat", Command().pipe_to_child(0).pipe_from_child(1));
    first.take_pipe(0);
    EXPECT_EQ(read_all(first.pipe(1)), "");
    EXPECT_TRUE(first.wait()->success());
    EXPECT_EQ(second.try_wait().value(), std::nullopt);
    second.take_pipe(0);
    EXPECT_TRUE(second.wait()->success());
}

TEST_P(Pipes, child_of_a_reader_that_left_gets_sigpipe) {
    Child child = start(payload("flood"), Command({"0", "1"}).pipe_from_child(1));
    child.take_pipe(1);
    EXPECT_EQ(child.wait()->signal(), SIGPIPE);
}

TEST_P(Pipes, moved_with_the_child) {
    Child first = start(payload("say"), Command({"1", "x"}).pipe_from_child(1));
    int end = first.pipe(1);
    Child second = std::move(first);
    EXPECT_EQ(second.pipe(1), end);
    EXPECT_EQ(read_all(second.pipe(1)), "x");
    EXPECT_TRUE(second.wait()->success());
    second = start(payload("say"), Command({"1", "y"}).pipe_from_child(1));
    EXPECT_EQ(read_all(second.pipe(1)), "y");
    EXPECT_TRUE(second.wait()->success());
}

TEST_P(Pipes, taken_end_outlives_the_child) {
    Fd end;
    {
        Child child = start(payload("say"), Command({"1", "x"}).pipe_from_child(1));
        end = child.take_pipe(1);
        EXPECT_TRUE(child.wait());
    }
    EXPECT_EQ(read_all(end.get()), "x");
}

TEST_P(Pipes, last_redirection_of_a_target_counts) {
    Child child = start(payload("say"),
                        Command({"1", "x"}).pipe_from_child(1).null(1).pipe_from_child(2).null(2));
    EXPECT_EQ(child.pipe(1), -1);
    EXPECT_EQ(child.pipe(2), -1);
    EXPECT_TRUE(child.wait()->success());
}

TEST_P(Pipes, failed_start_leaves_none) {
    // CleanTest counts descriptors.
    Template program = must_open(payload("exit0"));
    Command command = Command().pipe_to_child(0).pipe_from_child(1).input("x");
    EXPECT_EQ(failure(program, Command(command).cwd("/none")).step, Step::enter_directory);
    EXPECT_EQ(failure(program, Command(command).pipe_from_child(-3)).target, -3);
    EXPECT_EQ(failure(program, Command(command).file(5, "/none", O_RDONLY)).path, "/none");
    EXPECT_EQ(failure(program, Command(command).same_as(5, 6)).source, 6);
}

TEST_P(Pipes, no_room_for_one_is_named) {
    Template program = must_open(payload("exit0"));
    rlimit old{};
    getrlimit(RLIMIT_NOFILE, &old);
    Fd next = open_null();
    rlimit full{.rlim_cur = static_cast<rlim_t>(next.get()) + 3, .rlim_max = old.rlim_max};
    setrlimit(RLIMIT_NOFILE, &full);
    // The first pipe fits, the second does not.
    Error pipe = failure(program, Command().pipe_from_child(1).pipe_from_child(2));
    Error input = failure(program, Command().pipe_from_child(1).input("x"));
    setrlimit(RLIMIT_NOFILE, &old);
    EXPECT_EQ(pipe.code, std::errc::too_many_files_open);
    EXPECT_EQ(pipe.step, Step::redirect);
    EXPECT_EQ(pipe.index, 1);
    EXPECT_EQ(pipe.target, 2);
    EXPECT_EQ(pipe.message(), "cannot redirect descriptor 2: Too many open files");
    EXPECT_EQ(input.code, std::errc::too_many_files_open);
    EXPECT_EQ(input.step, Step::redirect);
    EXPECT_EQ(input.target, 0);
}

TEST_P(Pipes, input_is_read_to_its_end) {
    for (std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{65536}, much}) {
        std::string bytes = make_bytes(size);
        Output output = capture(must_open("/bin/cat"), Command().input(bytes));
        EXPECT_EQ(output.status, ExitStatus::exited(0));
        EXPECT_TRUE(output.text == bytes) << size;
    }
}

TEST_P(Pipes, input_starts_anew_for_each_child) {
    Template program = must_open("/bin/cat");
    Command command = Command().input("again");
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(capture(program, command).text, "again");
}

TEST_P(Pipes, input_that_nobody_reads_harms_nobody) {
    EXPECT_TRUE(run(must_open(payload("exit0")), Command().input(make_bytes(much))).success());
}

TEST_P(Pipes, input_cannot_be_changed) {
    Command command({"-c", "echo more >>/proc/self/fd/0 || exit 9"});
    EXPECT_EQ(run(must_open("/bin/sh"), command.input("x").null(2)).code(), 9);
}

TEST_P(Pipes, output_of_more_than_a_pipe_holds) {
    Command command({std::to_string(much), "1"});
    Child child = start(payload("flood"), command.pipe_from_child(1));
    EXPECT_EQ(read_all(child.pipe(1)).size(), much);
    EXPECT_TRUE(child.wait()->success());
}

TEST_P(Pipes, same_as_an_inherited_one) {
    Shown shown = show(Command().same_as(2, 0).same_as(40, 0));
    EXPECT_EQ(shown.fds[2], identity(0));
    EXPECT_EQ(shown.fds[40], identity(0));
}

TEST_P(Pipes, same_as_a_pipe_keeps_the_order_of_what_is_written) {
    Command command = Command().pipe_from_child(1).same_as(2, 1);
    Child child = start_shell("echo one; echo two >&2; echo three", command);
    EXPECT_EQ(read_all(child.pipe(1)), "one\ntwo\nthree\n");
    EXPECT_TRUE(child.wait()->success());
}

TEST_P(Pipes, same_as_does_not_depend_on_the_order_of_calls) {
    Command command = Command().same_as(2, 1).pipe_from_child(1);
    Child child = start(payload("say"), command.args({"2", "x"}));
    EXPECT_EQ(read_all(child.pipe(1)), "x");
    EXPECT_TRUE(child.wait()->success());
}

TEST_P(Pipes, same_as_goes_through_others) {
    Command command = Command().same_as(5, 4).same_as(4, 3).same_as(3, 1).pipe_from_child(1);
    Child child = start(payload("say"), command.args({"5", "x", "3", "y"}));
    EXPECT_EQ(read_all(child.pipe(1)), "xy");
    EXPECT_TRUE(child.wait()->success());
}

TEST_P(Pipes, same_as_what_the_other_is_redirected_to) {
    Fd null = open_null();
    Shown shown = show(Command().same_as(2, 7).fd(7, null.get()));
    EXPECT_EQ(shown.fds[2], identity(null.get()));
    EXPECT_EQ(shown.fds[7], identity(null.get()));
}

TEST_P(Pipes, same_as_a_terminal) {
    auto child = must_open("/bin/sh").spawn(
        Command({"-c", "test -t 5 && echo yes >&5; sleep 0.3"}).pseudo_terminal().same_as(5, 1));
    ASSERT_TRUE(child) << child.error().message();
    // It may come in parts.
    std::string text;
    for (char byte; !text.ends_with('\n') && read(child->terminal(), &byte, 1) == 1;)
        text += byte;
    EXPECT_EQ(text, "yes\r\n");
    EXPECT_TRUE(child->wait()->success());
}

TEST_P(Pipes, same_as_none_is_refused) {
    Error error = redirect_failure(Command().null(0).same_as(2, 77));
    EXPECT_EQ(error.code, std::errc::bad_file_descriptor);
    EXPECT_EQ(error.index, 1);
    EXPECT_EQ(error.message(),
              "cannot redirect descriptor 2 to descriptor 77: Bad file descriptor");
    EXPECT_EQ(redirect_failure(Command().close(1).same_as(2, 1)).source, 1);
}

TEST_P(Pipes, same_as_what_the_child_does_not_have_is_refused) {
    // The caller has it, the child would not.
    Fd null(::open("/dev/null", O_RDWR));
    EXPECT_EQ(redirect_failure(Command().same_as(2, null.get())).source, null.get());
    EXPECT_EQ(show(Command().inherit_fds().same_as(2, null.get())).fds[2], identity(null.get()));
}

TEST_P(Pipes, same_as_in_a_circle_is_refused) {
    EXPECT_EQ(redirect_failure(Command().same_as(1, 1)).code.value(), ELOOP);
    EXPECT_EQ(redirect_failure(Command().same_as(1, 2).same_as(2, 1)).code.value(), ELOOP);
    EXPECT_EQ(
        redirect_failure(Command().same_as(9, 5).same_as(5, 6).same_as(6, 7).same_as(7, 5)).index,
        0);
}

TEST_P(Pipes, all_kinds_at_once) {
    Fd null = open_null();
    Command command({"1", "out", "2", "err", "6", "six"});
    command.input("in").pipe_from_child(1).pipe_from_child(2).same_as(6, 2).fd(7, null.get());
    command.pipe_to_child(8).close(9);
    Child child = start(payload("say"), command);
    EXPECT_EQ(read_all(child.pipe(1)), "out");
    EXPECT_EQ(read_all(child.pipe(2)), "errsix");
    EXPECT_TRUE(child.wait()->success());
}

TEST_P(Pipes, low_numbers_that_the_caller_has_closed) {
    // Ends that land on 0, 1 and 2 are moved away: the caller's own code may use these numbers.
    std::vector<Fd> saved;
    for (int fd : {0, 1, 2}) {
        saved.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 10));
        close(fd);
    }
    auto child = must_open(payload("say")).spawn(Command({"1", "x"}).pipe_from_child(1).input("y"));
    bool taken = false;
    for (int fd : {0, 1, 2})
        taken = taken || fcntl(fd, F_GETFD) >= 0;
    for (int fd : {0, 1, 2})
        dup2(saved[static_cast<std::size_t>(fd)].get(), fd);
    EXPECT_FALSE(taken);
    ASSERT_TRUE(child) << child.error().message();
    EXPECT_EQ(read_all(child->pipe(1)), "x");
    EXPECT_TRUE(child->wait()->success());
}

}  // namespace
}  // namespace spawntpl::tests
