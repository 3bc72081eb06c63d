// SPDX-License-Identifier: MIT
//
// The child has exactly the descriptors that it is to have, whatever the caller has open.
#include "support.hpp"

#include <sys/resource.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::ElementsAre;
using testing::Key;

class DescriptorLeaks : public BackendTest {
protected:
    /// Whoever started the tests may have left more open than these expect.
    DescriptorLeaks() { close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC); }

    /// Opens so many descriptors, half of them close-on-exec.
    static std::vector<Fd> open_many(int count) {
        allow_descriptors(static_cast<unsigned>(count) + 100);
        std::vector<Fd> fds;
        for (int i = 0; i < count; ++i)
            fds.emplace_back(::open("/dev/null", O_RDWR | (i % 2 ? O_CLOEXEC : 0)));
        return fds;
    }

    static std::vector<int> numbers(const Shown& shown) {
        std::vector<int> result;
        for (const auto& [fd, identity] : shown.fds)
            result.push_back(fd);
        return result;
    }

    /// Runs `show` while the caller's @p closed descriptors among 0, 1 and 2 are closed.
    Shown show_without(std::vector<int> closed, const Command& command) const {
        std::vector<std::pair<int, Fd>> saved;
        for (int fd : closed) {
            saved.emplace_back(fd, Fd(fcntl(fd, F_DUPFD_CLOEXEC, 10)));
            close(fd);
        }
        Shown shown = show(command);
        for (auto& [fd, copy] : saved)
            dup2(copy.get(), fd);
        return shown;
    }
};
FOR_EACH_WAY(DescriptorLeaks);

TEST_P(DescriptorLeaks, only_the_standard_three_without_redirections) {
    auto many = open_many(50);
    EXPECT_THAT(numbers(show()), ElementsAre(0, 1, 2));
}

TEST_P(DescriptorLeaks, nothing_else_with_5000_open) {
    auto many = open_many(5000);
    EXPECT_THAT(numbers(show()), ElementsAre(0, 1, 2));

    Command command;
    command.null(3).fd(5, many[4000].get()).fd(17, many[1].get()).null(3000).fd(4999, 2);
    EXPECT_THAT(numbers(show(command)), ElementsAre(0, 1, 2, 3, 5, 17, 3000, 4999));
}

TEST_P(DescriptorLeaks, nothing_else_among_close_targets) {
    auto many = open_many(100);
    Command command;
    // A swap needs a temporary; so do targets with gaps between them.
    command.fd(20, many[30].get()).fd(30, many[20].get()).fd(4, 30).fd(6, 20).fd(30, 4);
    EXPECT_THAT(numbers(show(command)), ElementsAre(0, 1, 2, 4, 6, 20, 30));
}

TEST_P(DescriptorLeaks, a_cycle_leaves_no_temporary) {
    Pipe a = make_pipe(), b = make_pipe();
    int x = a.write.get(), y = b.write.get();
    Shown shown = show(Command().fd(x, y).fd(y, x));
    EXPECT_THAT(shown.fds, ElementsAre(Key(0), Key(1), Key(2), Key(x), Key(y)));
    EXPECT_EQ(shown.fds[x], identity(y));
    EXPECT_EQ(shown.fds[y], identity(x));
}

TEST_P(DescriptorLeaks, targets_are_what_they_were_redirected_to) {
    auto many = open_many(64);
    std::vector<Pipe> pipes;
    Command command;
    for (int i = 0; i < 16; ++i) {
        pipes.push_back(make_pipe());
        command.fd(60 - 3 * i, pipes.back().write.get());
    }
    Shown shown = show(command);
    EXPECT_EQ(shown.fds.size(), 3u + 16u);
    for (int i = 0; i < 16; ++i)
        EXPECT_EQ(shown.fds[60 - 3 * i], identity(pipes[static_cast<std::size_t>(i)].write.get()));
}

TEST_P(DescriptorLeaks, inheriting_passes_what_is_not_close_on_exec) {
    auto many = open_many(1000);
    Shown shown = show(Command().inherit_fds());
    for (std::size_t i = 0; i < many.size(); ++i)
        EXPECT_EQ(shown.fds.contains(many[i].get()), i % 2 == 0) << i;
    EXPECT_EQ(shown.fds.size(), 3u + 500u);
}

TEST_P(DescriptorLeaks, inheriting_goes_with_redirections) {
    auto many = open_many(100);
    int inherited = many[10].get(), replaced = many[20].get(), closed = many[30].get();
    Pipe pipe = make_pipe();
    Command command;
    command.inherit_fds().fd(replaced, pipe.write.get()).close(closed).cwd("/");
    Shown shown = show(command);
    EXPECT_EQ(shown.fds[inherited], identity(inherited));
    EXPECT_EQ(shown.fds[replaced], identity(pipe.write.get()));
    EXPECT_FALSE(shown.fds.contains(closed));
    EXPECT_EQ(shown.fds.size(), 3u + 49u);
}

TEST_P(DescriptorLeaks, inheriting_passes_no_temporary) {
    Fd a = open_null(), b = open_null();
    Command command;
    command.inherit_fds().cwd("/").fd(a.get(), b.get()).fd(b.get(), a.get()).null(0);
    EXPECT_THAT(numbers(show(command)), ElementsAre(0, 1, 2, a.get(), b.get()));
}

TEST_P(DescriptorLeaks, closed_standard_descriptors_stay_closed) {
    EXPECT_THAT(numbers(show_without({0}, {})), ElementsAre(1, 2));
    EXPECT_THAT(numbers(show_without({0, 2}, Command().cwd("/"))), ElementsAre(1));
    EXPECT_THAT(numbers(show_without({0, 1, 2}, Command().cwd("/").null(4))), ElementsAre(1, 4));
    EXPECT_THAT(numbers(show_without({0, 2}, Command().null(0))), ElementsAre(0, 1));
    EXPECT_THAT(numbers(show_without({0, 2}, Command().inherit_fds())), ElementsAre(1));
}

TEST_P(DescriptorLeaks, nothing_of_the_library_takes_a_standard_number) {
    Fd saved(fcntl(0, F_DUPFD_CLOEXEC, 10));
    close(0);
    Template program = must_open(payload("end"));
    auto child = program.spawn(Command({"never"}));
    ASSERT_TRUE(child) << child.error().message();
    EXPECT_EQ(fcntl(0, F_GETFD), -1);
    EXPECT_TRUE(child->kill());
    EXPECT_TRUE(child->wait());
    dup2(saved.get(), 0);
}

TEST_P(DescriptorLeaks, a_full_table_is_an_error_and_no_process) {
    Template program = must_open(payload("say"));
    Pipe pipe = make_pipe();
    Command command({"1", "x"});
    command.fd(1, pipe.write.get());
    rlimit old{};
    getrlimit(RLIMIT_NOFILE, &old);
    std::vector<Fd> many = open_many(20);
    rlimit full{.rlim_cur = static_cast<rlim_t>(many.back().get()) + 1, .rlim_max = old.rlim_max};
    setrlimit(RLIMIT_NOFILE, &full);
    Error without = failure(program, command), with = failure(program, Command().cwd("/"));
    setrlimit(RLIMIT_NOFILE, &old);
    pipe.write.reset();
    EXPECT_EQ(read_all(pipe.read.get()), "") << "the program has run";
    EXPECT_EQ(without.code, std::errc::too_many_files_open);
    EXPECT_EQ(without.step, Step::clone);
    EXPECT_EQ(with.code, std::errc::too_many_files_open);
    EXPECT_EQ(with.step, Step::enter_directory);
}

TEST_P(DescriptorLeaks, one_free_place_is_enough) {
    Template program = must_open(payload("exit0"));
    rlimit old{};
    getrlimit(RLIMIT_NOFILE, &old);
    std::vector<Fd> many = open_many(20);
    rlimit full{.rlim_cur = static_cast<rlim_t>(many.back().get()) + 1, .rlim_max = old.rlim_max};
    many.erase(many.begin() + 10);
    setrlimit(RLIMIT_NOFILE, &full);
    EXPECT_EQ(run(program), ExitStatus::exited(0));
    setrlimit(RLIMIT_NOFILE, &old);
}

}  // namespace
}  // namespace spawntpl::tests
