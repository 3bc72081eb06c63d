// SPDX-License-Identifier: MIT
#include <spawntpl/child.hpp>

#include <cerrno>
#include <utility>

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl {

namespace {

std::unexpected<Error> failure(int error, Step step) {
    return std::unexpected(Error{.code = {error, std::generic_category()}, .step = step});
}

ExitStatus to_status(const siginfo_t& info) {
    return info.si_code == CLD_EXITED
               ? ExitStatus::exited(info.si_status)
               : ExitStatus::killed(info.si_status, info.si_code == CLD_DUMPED);
}

}  // namespace

Child::Child(pid_t pid, int pidfd, std::string_view backend)
    : pid_(pid), pidfd_(pidfd), backend_(backend) {}

Child::Child(Child&& other) noexcept
    : pid_(other.pid_),
      pidfd_(std::exchange(other.pidfd_, -1)),
      backend_(other.backend_),
      status_(other.status_) {}

Child& Child::operator=(Child&& other) noexcept {
    if (this != &other) {
        release();
        pid_ = other.pid_;
        pidfd_ = std::exchange(other.pidfd_, -1);
        backend_ = other.backend_;
        status_ = other.status_;
    }
    return *this;
}

Child::~Child() {
    release();
}

void Child::release() {
    if (pidfd_ < 0)
        return;
    // Destructors run between a failure and a look at its errno.
    int error = errno;
    if (!status_)
        static_cast<void>(reap(WNOHANG));
    close(std::exchange(pidfd_, -1));
    errno = error;
}

Result<std::optional<ExitStatus>> Child::reap(int options) {
    if (status_)
        return status_;
    if (pidfd_ < 0)
        return failure(ECHILD, Step::wait);

    siginfo_t info{};
    int result;
    do
        result = waitid(P_PIDFD, static_cast<id_t>(pidfd_), &info, WEXITED | options);
    while (result < 0 && errno == EINTR);
    if (result < 0)
        return failure(errno, Step::wait);
    if (info.si_pid != 0)
        status_ = to_status(info);
    return status_;
}

Result<ExitStatus> Child::wait() {
    auto status = reap(0);
    if (!status)
        return std::unexpected(std::move(status.error()));
    return **status;
}

Result<std::optional<ExitStatus>> Child::try_wait() {
    return reap(WNOHANG);
}

Result<void> Child::send_signal(int signal) const {
    if (pidfd_ < 0 || status_)
        return failure(ESRCH, Step::send_signal);
    if (syscall(SYS_pidfd_send_signal, pidfd_, signal, nullptr, 0) != 0)
        return failure(errno, Step::send_signal);
    return {};
}

Result<void> Child::kill() const {
    return send_signal(SIGKILL);
}

}  // namespace spawntpl
