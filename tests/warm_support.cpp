// SPDX-License-Identifier: MIT
#include "warm_support.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {

TemplateOptions warm_by_process() {
    std::string backend = available_backends().front();
    if (backend == "kernel")
        backend = available_backends().at(1);
    return {.backend = std::move(backend), .warm = Warm::allowed};
}

void WarmTest::SetUp() {
    if (!std::ranges::count(available_ways(), "warm"))
        GTEST_SKIP() << "no warm starts here";
}

Template WarmTest::allowed(const std::string& program) {
    return value_or_throw(Template::open(program, warm_by_process()));
}

Template WarmTest::allowed_by_name(const std::string& path) {
    return value_or_throw(Template::open(path, {.backend = "clone3", .warm = Warm::allowed}));
}

Template WarmTest::cold(const std::string& program) {
    return value_or_throw(Template::open(program, {.backend = warm_by_process().backend}));
}

Output WarmTest::start(const Template& program, const Command& command) {
    return value_or_throw(spawntpl::run(program, command));
}

std::string WarmTest::same(const Template& warm, const std::string& path, const Command& command) {
    Output expected = start(cold(path), command), output = start(warm, command);
    EXPECT_EQ(output.backend, "warm");
    EXPECT_EQ(output.status, expected.status);
    EXPECT_EQ(output.err, expected.err);
    EXPECT_EQ(output.out, expected.out);
    return output.out;
}

std::string WarmTest::why_not(const Template& program, const Command& command) {
    auto child = value_or_throw(program.spawn(command));
    EXPECT_NE(child.backend(), "warm");
    EXPECT_TRUE(child.wait());
    return child.why_not_warm();
}

std::vector<pid_t> WarmTest::children() {
    std::istringstream stream(
        read_file("/proc/self/task/" + std::to_string(gettid()) + "/children"));
    std::vector<pid_t> pids;
    for (pid_t pid; stream >> pid;)
        pids.push_back(pid);
    return pids;
}

std::vector<pid_t> WarmTest::wait_for_children(std::size_t count) {
    while (children().size() < count)
        sched_yield();
    return children();
}

pid_t WarmTest::template_process() {
    for (pid_t pid : children()) {
        // A child of it that waits for its start may have ended by now.
        std::ifstream environment("/proc/" + std::to_string(pid) + "/environ");
        std::string entries((std::istreambuf_iterator<char>(environment)), {});
        if (entries.find("SPAWNTPL_WARM=") != std::string::npos)
            return pid;
    }
    return -1;
}

void mount_privately(const std::string& path, const char* type) {
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("none", path.c_str(), type, 0, nullptr) != 0)
        throw std::system_error(errno, std::generic_category(), "cannot mount " + path);
}

void in_another_process(const std::function<void()>& function) {
    pid_t pid = fork();
    if (pid == 0) {
        // What is thrown here must not go on with the other tests.
        try {
            function();
        } catch (const std::exception& error) {
            ADD_FAILURE() << error.what();
        }
        _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0) << "see above";
}

}  // namespace spawntpl::tests
