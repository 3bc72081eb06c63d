// SPDX-License-Identifier: MIT
#include "c_api.hpp"
#include "c_api_objects.hpp"

namespace {

using namespace spawntpl;
using c_api::call;
using c_api::null_pointer;
using c_api::report;

void fill_status(spawntpl_status* status, const ExitStatus& how,
                 const std::optional<ResourceUsage>& usage) {
    if (!status)
        return;
    spawntpl_status value{};
    value.code = how.code().value_or(-1);
    value.signal = how.signal().value_or(0);
    value.core_dumped = how.core_dumped();
    if (usage) {
        value.user_time_us = static_cast<std::uint64_t>(usage->user_time.count());
        value.system_time_us = static_cast<std::uint64_t>(usage->system_time.count());
        value.max_rss = usage->max_rss;
    }
    c_api::fill(status, value);
}

/// The frame of the calls that wait: @p wait gets the Child, and @p running is the errno for one
/// that has not ended then.
template <typename Wait>
int wait_call(spawntpl_child* child, spawntpl_status* status, spawntpl_error* error, int running,
              Wait&& wait) {
    return call(error, Step::wait, [&] {
        if (!child)
            return report(error, EINVAL, Step::wait, null_pointer);
        if (!c_api::fillable(status))
            return report(error, EINVAL, Step::wait, "the status' size");
        Result<std::optional<ExitStatus>> ended = wait(child->value);
        if (!ended)
            return report(error, ended.error());
        if (!*ended)
            return report(error, running, Step::wait, "it has not ended");
        fill_status(status, **ended, child->value.usage());
        return 0;
    });
}

/// The frame of the calls that signal.
template <typename Signal>
int signal_call(const spawntpl_child* child, spawntpl_error* error, Signal&& signal) {
    return call(error, Step::send_signal, [&] {
        if (!child)
            return report(error, EINVAL, Step::send_signal, null_pointer);
        Result<void> sent = signal(child->value);
        return sent ? 0 : report(error, sent.error());
    });
}

/// Empty where the stage is left out.
std::optional<std::chrono::milliseconds> stage(std::int64_t milliseconds) {
    return milliseconds == 0 ? std::nullopt
                             : std::optional(std::chrono::milliseconds(milliseconds));
}

std::expected<StopPolicy, int> to_policy(const spawntpl_stop_policy* given) {
    if (!given)
        return std::unexpected(EINVAL);
    auto read = c_api::read(given);
    if (!read)
        return std::unexpected(read.error());
    if (read->wait_ms < 0 || read->terminate_ms < 0 || read->kill_ms < 0 ||
        (read->flags & ~std::uint64_t{SPAWNTPL_STOP_TREE}) != 0)
        return std::unexpected(EINVAL);
    return StopPolicy{.wait = stage(read->wait_ms),
                      .terminate = stage(read->terminate_ms),
                      .kill = stage(read->kill_ms),
                      .tree = (read->flags & SPAWNTPL_STOP_TREE) != 0};
}

}  // namespace

void spawntpl_child_free(spawntpl_child* child) {
    static_cast<void>(call(nullptr, Step::wait, [&] {
        delete child;
        return 0;
    }));
}

pid_t spawntpl_child_pid(const spawntpl_child* child) {
    return child->value.pid();
}

int spawntpl_child_pidfd(const spawntpl_child* child) {
    return child->value.pidfd();
}

const char* spawntpl_child_backend(const spawntpl_child* child) {
    return c_api::name(child->value.backend());
}

int spawntpl_child_has_broker(const spawntpl_child* child) {
    return child->value.has_broker() ? 1 : 0;
}

const char* spawntpl_child_why_not_warm(const spawntpl_child* child) {
    return child->value.why_not_warm().c_str();
}

int spawntpl_child_pipe(const spawntpl_child* child, int target) {
    return child->value.pipe(target);
}

int spawntpl_child_take_pipe(spawntpl_child* child, int target) {
    return child->value.take_pipe(target).release();
}

int spawntpl_child_terminal(const spawntpl_child* child) {
    return child->value.terminal();
}

int spawntpl_child_take_terminal(spawntpl_child* child) {
    return child->value.take_terminal().release();
}

int spawntpl_child_wait(spawntpl_child* child, spawntpl_status* status, spawntpl_error* error) {
    return wait_call(child, status, error, 0, [](Child& value) { return value.wait(); });
}

int spawntpl_child_try_wait(spawntpl_child* child, spawntpl_status* status, spawntpl_error* error) {
    return wait_call(child, status, error, EAGAIN, [](Child& value) { return value.try_wait(); });
}

int spawntpl_child_wait_for(spawntpl_child* child, int64_t nanoseconds, spawntpl_status* status,
                            spawntpl_error* error) {
    return wait_call(child, status, error, ETIMEDOUT, [&](Child& value) {
        return value.wait_for(std::chrono::nanoseconds(nanoseconds));
    });
}

int spawntpl_child_wait_until(spawntpl_child* child, int64_t monotonic_ns, spawntpl_status* status,
                              spawntpl_error* error) {
    using Clock = std::chrono::steady_clock;
    return wait_call(child, status, error, ETIMEDOUT, [&](Child& value) {
        return value.wait_until(Clock::time_point(std::chrono::nanoseconds(monotonic_ns)));
    });
}

int spawntpl_child_send_signal(const spawntpl_child* child, int signal, spawntpl_error* error) {
    return signal_call(child, error, [&](const Child& value) { return value.send_signal(signal); });
}

int spawntpl_child_kill(const spawntpl_child* child, spawntpl_error* error) {
    return signal_call(child, error, [](const Child& value) { return value.kill(); });
}

int spawntpl_child_kill_tree(const spawntpl_child* child, spawntpl_error* error) {
    return signal_call(child, error, [](const Child& value) { return value.kill_tree(); });
}

int spawntpl_child_stop(spawntpl_child* child, const spawntpl_stop_policy* policy,
                        spawntpl_status* status, spawntpl_error* error) {
    auto read = to_policy(policy);
    if (!read)
        return call(error, Step::wait,
                    [&] { return report(error, read.error(), Step::wait, "the policy"); });
    return wait_call(child, status, error, ETIMEDOUT,
                     [&](Child& value) { return value.stop(*read); });
}

int spawntpl_child_stop_at_end(spawntpl_child* child, const spawntpl_stop_policy* policy) {
    auto read = to_policy(policy);
    if (!child || !read)
        return child ? -read.error() : -EINVAL;
    child->value.stop_at_end(*read);
    return 0;
}

void spawntpl_child_detach(spawntpl_child* child) {
    child->value.detach();
}
