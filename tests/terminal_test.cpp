// SPDX-License-Identifier: MIT
//
// Pseudo-terminals, controlling terminals and foreground process groups.
#include "support.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::HasSubstr;

class Terminal : public BackendTest {
protected:
    // When the leader of a session ends, the kernel may drop what its terminal still holds. So it
    // waits until all has been read.
    static constexpr const char* end = "end of output";
    static constexpr const char* ending = "; echo end of output; read line";

    /// What comes before the end, without carriage returns; then lets the leader end.
    static std::string read_terminal(int fd) {
        std::string text;
        char buffer[4096];
        ssize_t length;
        while (text.find(end) == std::string::npos &&
               (length = read(fd, buffer, sizeof(buffer))) > 0)
            text.append(buffer, static_cast<std::size_t>(length));
        EXPECT_EQ(write(fd, "\n", 1), 1);
        text.resize(std::min(text.size(), text.find(end)));
        std::erase(text, '\r');
        return text;
    }

    std::string on_terminal(Command command, const std::string& script) const {
        auto child = must_open("/bin/sh").spawn(command.args({"-c", script + ending}));
        EXPECT_TRUE(child) << child.error().message();
        std::string text = read_terminal(child->terminal());
        EXPECT_TRUE(child->wait()->success());
        return text;
    }

    Error terminal_failure(const Command& command, Step step) const {
        Error error = failure(must_open(payload("exit0")), command);
        EXPECT_EQ(error.step, step) << error.message();
        return error;
    }
};
FOR_EACH_WAY(Terminal);

TEST_P(Terminal, pseudo_terminal_is_all_of_stdio) {
    EXPECT_EQ(
        on_terminal(Command().pseudo_terminal(), "test -t 0 && test -t 1 && test -t 2 && echo yes"),
        "yes\n");
}

TEST_P(Terminal, pseudo_terminal_controls_its_session) {
    // /dev/tty can be opened only where there is one.
    EXPECT_EQ(on_terminal(Command().pseudo_terminal(), "echo yes >/dev/tty"), "yes\n");
}

TEST_P(Terminal, pseudo_terminal_has_its_size) {
    Command command = Command().pseudo_terminal({.rows = 33, .columns = 111});
    auto child = must_open("/bin/sleep").spawn(command.args({"60"}));
    ASSERT_TRUE(child);
    winsize size{};
    EXPECT_EQ(ioctl(child->terminal(), TIOCGWINSZ, &size), 0);
    EXPECT_EQ(size.ws_row, 33);
    EXPECT_EQ(size.ws_col, 111);
    EXPECT_TRUE(child->kill());
    EXPECT_TRUE(child->wait());
}

TEST_P(Terminal, pseudo_terminal_leaves_redirections_alone) {
    Pipe pipe = make_pipe();
    Command command = Command().pseudo_terminal().fd(2, pipe.write.get());
    EXPECT_EQ(on_terminal(command, "echo to the pipe >&2; echo here"), "here\n");
    pipe.write.reset();
    EXPECT_EQ(read_all(pipe.read.get()), "to the pipe\n");
}

TEST_P(Terminal, closing_it_hangs_up) {
    auto child = must_open("/bin/sleep").spawn(Command({"60"}).pseudo_terminal());
    ASSERT_TRUE(child);
    child->take_terminal();
    EXPECT_EQ(child->wait()->signal(), SIGHUP);
}

TEST_P(Terminal, controlling_terminal_by_descriptor) {
    Fd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_EQ(unlockpt(master.get()), 0);
    Fd slave(ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    Command command({"-c", "exec <>/dev/tty >&0; echo yes" + std::string(ending)});
    auto child =
        must_open("/bin/sh").spawn(command.new_session().controlling_terminal(slave.get()));
    ASSERT_TRUE(child);
    EXPECT_EQ(read_terminal(master.get()), "yes\n");
    EXPECT_TRUE(child->wait()->success());
}

TEST_P(Terminal, what_is_no_terminal_is_refused) {
    Fd null = open_null();
    EXPECT_EQ(terminal_failure(Command().new_session().controlling_terminal(null.get()),
                               Step::take_terminal)
                  .code.value(),
              ENOTTY);
    EXPECT_EQ(
        terminal_failure(Command().foreground(null.get()), Step::enter_foreground).code.value(),
        ENOTTY);
}

TEST_P(Terminal, terminal_of_another_session_is_refused) {
    auto owner = must_open("/bin/sleep").spawn(Command({"60"}).pseudo_terminal());
    ASSERT_TRUE(owner);
    Fd slave(ioctl(owner->terminal(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    terminal_failure(Command().new_session().controlling_terminal(slave.get()),
                     Step::take_terminal);
    EXPECT_TRUE(owner->kill());
    EXPECT_TRUE(owner->wait());
}

TEST_P(Terminal, terminal_that_is_none_is_refused) {
    EXPECT_EQ(
        terminal_failure(Command().new_session().controlling_terminal(-1), Step::take_terminal)
            .code,
        std::errc::bad_file_descriptor);
    EXPECT_EQ(
        terminal_failure(Command().pseudo_terminal().controlling_terminal(0), Step::take_terminal)
            .code,
        std::errc::invalid_argument);
}

TEST_P(Terminal, controlling_terminal_needs_a_new_session) {
    Fd null = open_null();
    Error error = terminal_failure(Command().controlling_terminal(null.get()), Step::take_terminal);
    EXPECT_EQ(
        error.message(),
        "cannot take the controlling terminal: Operation not permitted (not in a new session)");
}

}  // namespace
}  // namespace spawntpl::tests
