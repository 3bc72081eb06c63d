// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/error.hpp>
#include <spawntpl/exit_status.hpp>
#include <spawntpl/export.hpp>
#include <spawntpl/fd.hpp>
#include <spawntpl/resource_usage.hpp>
#include <spawntpl/stop_policy.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace spawntpl {

namespace detail {
class WarmBroker;
}  // namespace detail

/// A started process, owned by the program that started it.
///
/// Not thread-safe: one thread at a time may use a Child. Moving is cheap; a moved-from Child
/// may only be assigned to or destroyed.
///
/// Destroying a Child does what stop_at_end() says. Without that it neither kills nor waits for the
/// process: if it has ended by then it is reaped; otherwise it runs on as an ordinary child that
/// nobody waits for, and stays a zombie from its end to the end of this program.
///
/// If this program ignores SIGCHLD, or something else in it reaps every child, exit statuses
/// are lost and wait() reports ECHILD.
class SPAWNTPL_API Child {
public:
    /// Takes over an already started child; @p pidfd may be none if the child is gone already.
    /// @p backend must outlive the Child (the library's backend names live forever).
    Child(pid_t pid, Fd pidfd, std::string_view backend, std::map<int, Fd> pipes = {},
          Fd terminal = {});

    /// Takes over the process; @p other has none any more.
    Child(Child&& other) noexcept;

    /// The same, after the end of what this one had.
    Child& operator=(Child&& other) noexcept;

    ~Child();

    /// The process id. Once the child was waited for, another process can get it.
    pid_t pid() const { return pid_; }

    /// A close-on-exec pidfd, readable when the child has ended. The Child owns it.
    int pidfd() const { return pidfd_.get(); }

    /// The name of the backend that started the child.
    std::string_view backend() const { return backend_; }

    /// Whether it is the child of its Template's broker: see TemplateOptions::broker.
    bool has_broker() const { return broker_ != nullptr; }

    /// Why it was not started by the first warm backend that its Template may use; else empty.
    const std::string& why_not_warm() const { return why_not_warm_; }

    /// The caller's end of the pipe that is the child's descriptor @p target, or -1. Close-on-exec
    /// and blocking. The Child owns it, and closes it at its own end.
    int pipe(int target) const;

    /// Gives the end of a pipe away; closing that of pipe_to_child() is the end of the child's
    /// file.
    Fd take_pipe(int target);

    /// The caller's side of the pseudo-terminal, or -1. The Child owns it. Reading it fails with
    /// EIO when no process has the other side open. When the child ends, the kernel hangs up its
    /// terminal: what it wrote last may be lost.
    int terminal() const { return terminal_.get(); }

    /// Gives the caller's side of the pseudo-terminal away.
    Fd take_terminal() { return std::move(terminal_); }

    /// Blocks until the child ends. Later calls return the same status at once.
    Result<ExitStatus> wait();

    /// As wait(), but empty at once while the child runs.
    Result<std::optional<ExitStatus>> try_wait();

    /// As wait(), but empty when the time is over. Sleeps; does not poll.
    Result<std::optional<ExitStatus>> wait_for(std::chrono::nanoseconds time);

    /// The same with a point of CLOCK_MONOTONIC.
    Result<std::optional<ExitStatus>> wait_until(std::chrono::steady_clock::time_point time);

    /// What the child and those of its children that it waited for used; empty before one of the
    /// waits has returned its status.
    const std::optional<ResourceUsage>& usage() const { return usage_; }

    /// Sends a signal through the pidfd: it never reaches another process that got the same
    /// pid. A child that was waited for is ESRCH.
    Result<void> send_signal(int signal) const;

    /// Sends SIGKILL; call wait() to reap.
    Result<void> kill() const;

    /// Sends SIGKILL to the child and all its descendants. They are stopped first, so that none
    /// can have further children meanwhile. A descendant whose parent has ended is found if it is
    /// in a process group or session that another one of them leads. What may have left both has
    /// to be held by a cgroup: see Command::cgroup() and cgroup.kill of cgroups(7). Call wait() to
    /// reap.
    Result<void> kill_tree() const;

    /// Sends a signal to the child and to all its descendants, as kill_tree() finds and stops them;
    /// they are continued after it, those too that were stopped before.
    Result<void> signal_tree(int signal) const;

    /// Ends the child as @p policy says and waits for it. ETIMEDOUT if it still runs then.
    Result<ExitStatus> stop(const StopPolicy& policy);

    /// What the destructor is to do. It may block, for the times of the policy. In a copy of this
    /// program that fork() makes, the destructor only closes what the Child owns.
    void stop_at_end(StopPolicy policy);

    /// Lets the process go: nothing of this program waits for it or ends it any more. It stays a
    /// zombie from its end to the end of this program, unless something else reaps it.
    void detach();

private:
    friend class Template;

    Result<std::optional<ExitStatus>> reap(int options);
    void release();

    pid_t pid_;
    Fd pidfd_;
    std::string_view backend_;
    std::shared_ptr<detail::WarmBroker> broker_;
    std::string why_not_warm_;
    std::map<int, Fd> pipes_;
    Fd terminal_;
    std::optional<ExitStatus> status_;
    std::optional<ResourceUsage> usage_;
    std::optional<StopPolicy> stop_policy_;
    pid_t stopping_process_ = 0;  ///< whose destructor it is for
};

}  // namespace spawntpl
