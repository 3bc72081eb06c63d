// SPDX-License-Identifier: MIT
//
// The C ABI: children that run, with each backend: waits, signals, policies, and threads that wait.
#include "c_api_support.hpp"

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

spawntpl_stop_policy killing() {
    spawntpl_stop_policy policy{};
    policy.size = sizeof(policy);
    policy.kill_ms = SPAWNTPL_FOREVER;
    return policy;
}

TEST_P(CApiTest, waits_with_and_without_a_limit) {
    ChildPointer child = start(payload("end"), new_command({"never"}));
    spawntpl_error error = new_error();
    EXPECT_EQ(spawntpl_child_try_wait(child.get(), nullptr, &error), -EAGAIN);
    EXPECT_EQ(error.code, EAGAIN);
    EXPECT_EQ(error.step, SPAWNTPL_STEP_WAIT);
    EXPECT_STREQ(error.message,
                 "cannot wait for the child: Resource temporarily unavailable (it has not ended)");
    EXPECT_EQ(spawntpl_child_wait_for(child.get(), 1'000'000, nullptr, nullptr), -ETIMEDOUT);
    EXPECT_EQ(spawntpl_child_wait_for(child.get(), -1, nullptr, nullptr), -ETIMEDOUT);
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    std::int64_t soon = now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec + 1'000'000;
    EXPECT_EQ(spawntpl_child_wait_until(child.get(), soon, nullptr, nullptr), -ETIMEDOUT);

    EXPECT_EQ(fcntl(spawntpl_child_pidfd(child.get()), F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(spawntpl_child_send_signal(child.get(), 1000, &error), -EINVAL);
    EXPECT_EQ(error.step, SPAWNTPL_STEP_SEND_SIGNAL);
    EXPECT_EQ(spawntpl_child_send_signal(child.get(), SIGTERM, nullptr), 0);
    spawntpl_status status = new_status();
    EXPECT_EQ(spawntpl_child_wait_for(child.get(), SPAWNTPL_FOREVER, &status, nullptr), 0);
    EXPECT_EQ(status.signal, SIGTERM);
    EXPECT_EQ(spawntpl_child_wait_until(child.get(), 0, &status, nullptr), 0);
    EXPECT_EQ(spawntpl_child_try_wait(child.get(), &status, nullptr), 0);
    EXPECT_EQ(spawntpl_child_kill(child.get(), &error), -ESRCH);
}

TEST_P(CApiTest, descendants_are_killed) {
    CommandPointer command = new_command({"-c", "sleep 1000 & echo started; wait"});
    ASSERT_EQ(spawntpl_command_pipe_from_child(command.get(), STDOUT_FILENO), 0);
    ChildPointer child = start("/bin/sh", command);
    char text[8];
    ASSERT_EQ(read(spawntpl_child_pipe(child.get(), STDOUT_FILENO), text, 8), 8);
    EXPECT_EQ(spawntpl_child_kill_tree(child.get(), nullptr), 0);
    // The pipe ends with the last process that has it.
    EXPECT_EQ(read_all(spawntpl_child_pipe(child.get(), STDOUT_FILENO)), "");
    EXPECT_EQ(spawntpl_child_wait(child.get(), nullptr, nullptr), 0);
}

TEST_P(CApiTest, policy_stops_a_child) {
    ChildPointer child = start(payload("end"), new_command({"never"}));
    spawntpl_stop_policy policy = killing();
    policy.wait_ms = 1;
    policy.terminate_ms = SPAWNTPL_FOREVER;
    policy.flags = SPAWNTPL_STOP_TREE;
    spawntpl_status status = new_status();
    EXPECT_EQ(spawntpl_child_stop(child.get(), &policy, &status, nullptr), 0);
    EXPECT_EQ(status.signal, SIGTERM);

    child = start(payload("end"), new_command({"never"}));
    policy = {.size = sizeof(policy), .wait_ms = 1, .terminate_ms = 0, .kill_ms = 0, .flags = 0};
    EXPECT_EQ(spawntpl_child_stop(child.get(), &policy, &status, nullptr), -ETIMEDOUT);
    policy = killing();
    EXPECT_EQ(spawntpl_child_stop(child.get(), &policy, &status, nullptr), 0);
    EXPECT_EQ(status.signal, SIGKILL);
}

TEST_P(CApiTest, policy_stops_a_child_at_its_end) {
    ChildPointer child = start(payload("end"), new_command({"never"}));
    pid_t pid = spawntpl_child_pid(child.get());
    spawntpl_stop_policy policy = killing();
    EXPECT_EQ(spawntpl_child_stop_at_end(child.get(), &policy), 0);
    child.reset();
    EXPECT_EQ(kill(pid, 0), -1);
}

TEST_P(CApiTest, bad_policies_are_refused) {
    ChildPointer child = start(payload("end"), new_command({"never"}));
    spawntpl_stop_policy negative = killing(), unknown = killing();
    negative.wait_ms = -1;
    unknown.flags = 2;
    for (const spawntpl_stop_policy* policy : {&negative, &unknown}) {
        EXPECT_EQ(spawntpl_child_stop(child.get(), policy, nullptr, nullptr), -EINVAL);
        EXPECT_EQ(spawntpl_child_stop_at_end(child.get(), policy), -EINVAL);
    }
    EXPECT_EQ(spawntpl_child_try_wait(child.get(), nullptr, nullptr), -EAGAIN);
    EXPECT_EQ(spawntpl_child_kill(child.get(), nullptr), 0);
    EXPECT_EQ(spawntpl_child_wait(child.get(), nullptr, nullptr), 0);
}

TEST_P(CApiTest, detached_child_runs_on) {
    ChildPointer child = start(payload("end"), new_command({"never"}));
    pid_t pid = spawntpl_child_pid(child.get());
    spawntpl_child_detach(child.get());
    EXPECT_EQ(spawntpl_child_pidfd(child.get()), -1);
    child.reset();
    EXPECT_EQ(kill(pid, SIGKILL), 0);
    EXPECT_EQ(waitpid(pid, nullptr, 0), pid);
}

TEST_P(CApiTest, call_is_no_cancellation_point) {
    ChildPointer child = start(payload("end"), new_command({"never"}));
    struct Waiter {
        spawntpl_child* child;
        Pipe ready = make_pipe();
        int result = 1;
    } waiter{.child = child.get()};
    pthread_t thread;
    auto wait = [](void* argument) -> void* {
        auto* self = static_cast<Waiter*>(argument);
        // close(2) is one.
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
        self->ready.write.reset();
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, nullptr);
        self->result = spawntpl_child_wait_for(self->child, SPAWNTPL_FOREVER, nullptr, nullptr);
        return nullptr;
    };
    ASSERT_EQ(pthread_create(&thread, nullptr, wait, &waiter), 0);
    EXPECT_EQ(read_all(waiter.ready.read.get()), "");
    // Before the call or during it.
    ASSERT_EQ(pthread_cancel(thread), 0);
    EXPECT_EQ(kill(spawntpl_child_pid(child.get()), SIGKILL), 0);
    void* ended = PTHREAD_CANCELED;
    ASSERT_EQ(pthread_join(thread, &ended), 0);
    EXPECT_EQ(ended, nullptr);
    EXPECT_EQ(waiter.result, 0);
}

}  // namespace
}  // namespace spawntpl::tests
