// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/error.hpp>
#include <spawntpl/exit_status.hpp>
#include <spawntpl/export.hpp>

#include <optional>
#include <string_view>

#include <sys/types.h>

namespace spawntpl {

/// A started process, owned by the program that started it.
///
/// Not thread-safe: one thread at a time may use a Child. Moving is cheap; a moved-from Child
/// may only be assigned to or destroyed.
///
/// Destroying a Child neither kills nor waits for the process. If it has ended by then it is
/// reaped; otherwise it runs on as an ordinary child that nobody waits for, and stays a zombie
/// from its end to the end of this program. Call wait() on what must not do that.
///
/// If this program ignores SIGCHLD, or something else in it reaps every child, exit statuses
/// are lost and wait() reports ECHILD.
class SPAWNTPL_API Child {
public:
    /// Takes over an already started child; @p pidfd may be -1 if the child is gone already.
    /// @p backend must outlive the Child (the library's backend names live forever).
    Child(pid_t pid, int pidfd, std::string_view backend);

    Child(Child&& other) noexcept;
    Child& operator=(Child&& other) noexcept;
    ~Child();

    pid_t pid() const { return pid_; }

    /// A close-on-exec pidfd, readable when the child has ended. The Child owns it.
    int pidfd() const { return pidfd_; }

    /// The name of the backend that started the child.
    std::string_view backend() const { return backend_; }

    /// Blocks until the child ends. Later calls return the same status at once.
    Result<ExitStatus> wait();

    /// As wait(), but empty at once while the child runs.
    Result<std::optional<ExitStatus>> try_wait();

    /// Sends a signal through the pidfd: it never reaches another process that got the same
    /// pid. A child that was waited for is ESRCH.
    Result<void> send_signal(int signal) const;

    /// Sends SIGKILL; call wait() to reap.
    Result<void> kill() const;

private:
    Result<std::optional<ExitStatus>> reap(int options);
    void release();

    pid_t pid_;
    int pidfd_;
    std::string_view backend_;
    std::optional<ExitStatus> status_;
};

}  // namespace spawntpl
