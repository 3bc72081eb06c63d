// SPDX-License-Identifier: MIT
//
// The C ABI: starts, with each backend: programs, arguments, environment, descriptors, and errors.
#include "c_api_support.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::StartsWith;

TEST_P(CApiTest, program_runs_and_ends) {
    TemplatePointer program = c_open(payload("end"));
    EXPECT_EQ(spawntpl_template_program(program.get()), payload("end"));
    EXPECT_EQ(spawntpl_template_backend(program.get()), backend());

    ChildPointer child = start(program.get(), new_command({"exit", "42"}).get());
    EXPECT_EQ(spawntpl_child_backend(child.get()), backend());
    EXPECT_GT(spawntpl_child_pid(child.get()), 0);
    spawntpl_status status = new_status();
    EXPECT_EQ(spawntpl_child_wait(child.get(), &status, nullptr), 0);
    EXPECT_EQ(status.code, 42);
    EXPECT_EQ(status.signal, 0);
    EXPECT_EQ(status.core_dumped, 0);
    EXPECT_GT(status.max_rss, 0U);
    EXPECT_LT(status.user_time_us + status.system_time_us, 60'000'000U);
    EXPECT_EQ(spawntpl_child_wait(child.get(), nullptr, nullptr), 0);
}

TEST_P(CApiTest, program_given_by_descriptor) {
    Fd fd(::open(payload("show").c_str(), O_RDONLY | O_CLOEXEC));
    spawntpl_template_options options = c_options();
    spawntpl_template* made = nullptr;
    ASSERT_EQ(spawntpl_template_from_fd(fd.get(), "name", &options, &made, nullptr), 0);
    TemplatePointer program(made);
    EXPECT_STREQ(spawntpl_template_program(program.get()), "name");

    TemporaryDirectory directory;
    write_file(directory / "script", "#!/bin/sh\n", 0755);
    Fd script(::open((directory / "script").c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(spawntpl_template_from_fd(script.get(), "name", &options, &made, nullptr), -ENOEXEC);
}

TEST_P(CApiTest, options_give_environment_and_command) {
    CommandPointer command = new_command({"-c", "echo $VALUE"});
    ASSERT_EQ(spawntpl_command_pipe_from_child(command.get(), 1), 0);
    const char* env[] = {"VALUE=kept", nullptr};
    spawntpl_template_options options = c_options();
    options.env = env;
    options.command = command.get();
    spawntpl_template* made = nullptr;
    ASSERT_EQ(spawntpl_template_open("/bin/sh", &options, &made, nullptr), 0);
    TemplatePointer program(made);
    // The options were copied.
    ASSERT_EQ(spawntpl_command_arg(command.get(), "more"), 0);

    ChildPointer child = start(program.get(), nullptr);
    EXPECT_EQ(read_all(spawntpl_child_pipe(child.get(), 1)), "kept\n");
    EXPECT_EQ(spawntpl_child_wait(child.get(), nullptr, nullptr), 0);

    spawntpl_command* copy = nullptr;
    ASSERT_EQ(spawntpl_template_command(program.get(), &copy), 0);
    CommandPointer changed(copy);
    ASSERT_EQ(spawntpl_command_set_env(copy, "VALUE", "changed"), 0);
    child = start(program.get(), copy);
    EXPECT_EQ(read_all(spawntpl_child_pipe(child.get(), 1)), "changed\n");
    EXPECT_EQ(spawntpl_child_wait(child.get(), nullptr, nullptr), 0);
}

TEST_P(CApiTest, arguments_and_environment) {
    CommandPointer command = new_command({"gone"});
    const char* args[] = {"a", "", nullptr};
    const char* env[] = {"A=1", "B=2", nullptr};
    ASSERT_EQ(spawntpl_command_args(command.get(), args), 0);
    ASSERT_EQ(spawntpl_command_arg(command.get(), "c d"), 0);
    ASSERT_EQ(spawntpl_command_arg0(command.get(), "zero"), 0);
    ASSERT_EQ(spawntpl_command_env(command.get(), env), 0);
    ASSERT_EQ(spawntpl_command_set_env(command.get(), "C", "3"), 0);
    ASSERT_EQ(spawntpl_command_unset_env(command.get(), "A"), 0);
    using namespace std::string_literals;
    EXPECT_THAT(output(payload("show"), command),
                StartsWith("arg\0zero\0arg\0a\0arg\0\0arg\0c d\0env\0B=2\0env\0C=3\0cwd"s));
}

TEST_P(CApiTest, copy_of_a_command_is_its_own) {
    CommandPointer command = new_command({"one"});
    spawntpl_command* made = nullptr;
    ASSERT_EQ(spawntpl_command_copy(command.get(), &made), 0);
    CommandPointer copy(made);
    ASSERT_EQ(spawntpl_command_arg(copy.get(), "two"), 0);
    EXPECT_EQ(output("/bin/echo", command), "one\n");
    EXPECT_EQ(output("/bin/echo", copy), "one two\n");
}

TEST_P(CApiTest, directory) {
    CommandPointer command = new_command();
    ASSERT_EQ(spawntpl_command_cwd(command.get(), "/usr"), 0);
    EXPECT_EQ(shell("pwd -P", command), "/usr\n");
    Fd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    ASSERT_EQ(spawntpl_command_cwd_at(command.get(), root.get(), "usr/bin"), 0);
    EXPECT_EQ(shell("pwd -P", command), "/usr/bin\n");
    ASSERT_EQ(spawntpl_command_cwd_at(command.get(), root.get(), ""), 0);
    EXPECT_EQ(shell("pwd -P", command), "/\n");
}

TEST_P(CApiTest, descriptors) {
    TemporaryDirectory directory;
    Fd file(::open((directory / "fd").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    CommandPointer command = new_command({"3", "three", "4", "four", "5", "five"});
    ASSERT_EQ(spawntpl_command_fd(command.get(), 3, file.get()), 0);
    ASSERT_EQ(spawntpl_command_file(command.get(), 4, (directory / "file").c_str(),
                                    O_WRONLY | O_CREAT, 0600),
              0);
    ASSERT_EQ(spawntpl_command_same_as(command.get(), 5, 4), 0);
    ASSERT_EQ(spawntpl_command_null(command.get(), 2), 0);
    EXPECT_EQ(output(payload("say"), command), "");
    EXPECT_EQ(read_file(directory / "fd"), "three");
    EXPECT_EQ(read_file(directory / "file"), "fourfive");
}

TEST_P(CApiTest, closed_and_inherited_descriptors) {
    Fd null(::open("/dev/null", O_RDONLY));
    std::string number = std::to_string(null.get());
    std::string script = "test -e /proc/self/fd/" + number + " && echo open; true";
    CommandPointer command = new_command();
    EXPECT_EQ(shell(script.c_str(), command), "");
    command = new_command();
    ASSERT_EQ(spawntpl_command_inherit_fds(command.get(), true), 0);
    EXPECT_EQ(shell(script.c_str(), command), "open\n");
    command = new_command();
    ASSERT_EQ(spawntpl_command_inherit_fds(command.get(), true), 0);
    ASSERT_EQ(spawntpl_command_close(command.get(), null.get()), 0);
    EXPECT_EQ(shell(script.c_str(), command), "");
}

TEST_P(CApiTest, pipes_and_input) {
    CommandPointer command = new_command();
    ASSERT_EQ(spawntpl_command_pipe_to_child(command.get(), 0), 0);
    ASSERT_EQ(spawntpl_command_pipe_from_child(command.get(), 1), 0);
    ChildPointer child = start("/bin/cat", command);
    EXPECT_EQ(spawntpl_child_pipe(child.get(), 2), -1);
    EXPECT_EQ(spawntpl_child_take_pipe(child.get(), 2), -1);
    Fd to_child(spawntpl_child_take_pipe(child.get(), 0));
    EXPECT_EQ(spawntpl_child_pipe(child.get(), 0), -1);
    ASSERT_EQ(write(to_child.get(), "text", 4), 4);
    to_child.reset();
    EXPECT_EQ(read_all(spawntpl_child_pipe(child.get(), 1)), "text");
    EXPECT_EQ(spawntpl_child_wait(child.get(), nullptr, nullptr), 0);

    command = new_command();
    ASSERT_EQ(spawntpl_command_input(command.get(), "by\0tes", 6), 0);
    EXPECT_EQ(output("/bin/cat", command), std::string("by\0tes", 6));
    ASSERT_EQ(spawntpl_command_input(command.get(), nullptr, 0), 0);
    EXPECT_EQ(output("/bin/cat", command), "");
}

TEST_P(CApiTest, early_return_is_a_permission) {
    CommandPointer command = new_command();
    ASSERT_EQ(spawntpl_command_return_early(command.get()), 0);
    EXPECT_EQ(output("/bin/true", command), "");
}

TEST_P(CApiTest, errors_tell_what_was_wrong) {
    CommandPointer command = new_command();
    ASSERT_EQ(spawntpl_command_null(command.get(), 0), 0);
    ASSERT_EQ(spawntpl_command_file(command.get(), 7, "/nonexistent/file", O_RDONLY, 0), 0);
    spawntpl_error error = c_failure("/bin/true", command);
    EXPECT_EQ(error.code, ENOENT);
    EXPECT_EQ(error.step, SPAWNTPL_STEP_REDIRECT);
    EXPECT_EQ(error.index, 1);
    EXPECT_EQ(error.target, 7);
    EXPECT_EQ(error.source, -1);
    EXPECT_STREQ(error.path, "/nonexistent/file");
    EXPECT_STREQ(error.message,
                 "cannot redirect descriptor 7 to '/nonexistent/file': No such file or directory");

    std::string long_path(10'000, 'x');
    command = new_command();
    ASSERT_EQ(spawntpl_command_cwd(command.get(), long_path.c_str()), 0);
    error = c_failure("/bin/true", command);
    EXPECT_EQ(error.code, ENAMETOOLONG);
    EXPECT_EQ(error.path, long_path.substr(0, sizeof(error.path) - 1));
    EXPECT_EQ(strlen(error.message), sizeof(error.message) - 1);
}

int wait_code(const ChildPointer& child) {
    spawntpl_status status = new_status();
    EXPECT_EQ(spawntpl_child_wait(child.get(), &status, nullptr), 0);
    return status.code;
}

TEST_P(CApiTest, batch) {
    TemplatePointer program = c_open(payload("end"));
    CommandPointer commands[] = {new_command({"exit", "3"}), new_command({"exit", "4"}),
                                 new_command({"exit", "5"})};
    EXPECT_EQ(spawntpl_command_cwd(commands[1].get(), "/nonexistent"), 0);
    const spawntpl_command* pointers[] = {commands[0].get(), commands[1].get(), commands[2].get()};
    spawntpl_child* children[3];
    spawntpl_error error = new_error();
    EXPECT_EQ(spawntpl_template_spawn_all(program.get(), pointers, 3, children, &error), -ENOENT);
    EXPECT_STREQ(error.path, "/nonexistent");
    EXPECT_EQ(children[1], nullptr);
    for (int i : {0, 2}) {
        ChildPointer child(children[i]);
        EXPECT_EQ(wait_code(child), 3 + i);
    }

    pointers[1] = nullptr;
    EXPECT_EQ(spawntpl_template_spawn_all(program.get(), pointers, 3, children, &error), -EINVAL);
    EXPECT_EQ(spawntpl_template_spawn_all(program.get(), pointers, 0, children, &error), 0);
    pointers[1] = pointers[2];
    ASSERT_EQ(spawntpl_template_spawn_all(program.get(), pointers, 3, children, nullptr), 0);
    for (spawntpl_child* each : children)
        EXPECT_GE(wait_code(ChildPointer(each)), 3);
}

}  // namespace
}  // namespace spawntpl::tests
