// SPDX-License-Identifier: MIT
#include "birth.hpp"

#include "child_action.hpp"

#include <cerrno>

#include <fcntl.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::warm {

namespace {

using detail::WarmStep;

bool changes_ids(std::span<const spawn_template_action> actions) {
    for (const spawn_template_action& action : actions)
        if (action.type == SPAWN_TEMPLATE_SETIDS || action.type == SPAWN_TEMPLATE_RESETIDS)
            return true;
    return false;
}

/// What an exec would do for other ids: ask whether they may execute the program, and let the
/// process be looked at if they may read it.
bool allow_program() {
    const auto* path = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
    if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) != 0)
        return false;
    bool readable = faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0;
    return prctl(PR_SET_DUMPABLE, readable ? 1 : 0, 0, 0, 0) == 0;
}

}  // namespace

detail::WarmPlan Birth::run(ForkHandlers handlers) {
    if (!image_.renew())
        fail(WarmStep::prepare, -1, errno);
    for (const ForkHandler& handler : handlers)
        if (handler.in_child)
            handler.in_child();
    touch_message_memory();
    memory_.populate();
    if (!say_ready())
        fail(WarmStep::prepare, -1, errno);
    wait_for_request();
    affinity_.restore();
    become();
    return plan_;
}

void Birth::take_lane(std::uint32_t lane) {
    syscall(SYS_dup3, detail::warm_first_lane + static_cast<int>(lane), detail::warm_child_socket,
            O_CLOEXEC);
    syscall(SYS_close_range, detail::warm_child_socket + 1, ~0U, 0);
}

/// Gives the owner a pidfd and a socket that nobody else has.
bool Birth::say_ready() {
    int pidfd = static_cast<int>(syscall(SYS_pidfd_open, *image_.thread_id(), 0));
    int ends[2];
    if (pidfd < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0 ||
        setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &detail::warm_look_around,
                   sizeof(detail::warm_look_around)) != 0)
        return false;
    const int fds[] = {pidfd, ends[0]};
    say(WarmStep::ready, -1, 0, fds);
    syscall(SYS_dup3, ends[1], detail::warm_child_socket, O_CLOEXEC);
    // Not close_range(2): below the socket there may be room, too.
    for (int fd : {pidfd, ends[0], ends[1]})
        close(fd);
    return true;
}

void Birth::wait_for_request() {
    Received request = receive(fds_.socket);
    if (!request.whole)
        fail(WarmStep::refused, -1, EMFILE);
    if (decode_warm_request(request.bytes, static_cast<std::uint32_t>(request.fds.size()),
                            string_pointers(), plan_))
        fail(WarmStep::refused, -1, EPROTO);
    fds_.received = request.fds;
}

void Birth::become() {
    const detail::WarmRequest& request = *plan_.request;
    detail::set_dispositions(request.ignored, SIG_IGN);
    detail::set_dispositions(request.defaulted, SIG_DFL);
    perform(0, request.after);
    if (int failed = arrange(plan_.moves, fds_); failed >= 0)
        fail(WarmStep::move, failed, errno);
    perform(request.after, request.nr_actions);
    if (changes_ids(plan_.actions)) {
        if (!allow_program())
            fail(WarmStep::prepare, -1, errno);
        image_.renew_ids();
    }
    if (!image_.show_strings(plan_))
        fail(WarmStep::prepare, -1, errno);

    if (!plan_.request->quiet)
        say(WarmStep::started);
    close_all_but(plan_.moves);
    image_.use_strings(plan_);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &request.mask, nullptr, sizeof(request.mask));
}

void Birth::perform(std::uint32_t first, std::uint32_t end) {
    for (std::uint32_t i = first; i < end; ++i) {
        spawn_template_action action = plan_.actions[i];
        if (detail::warm_action_reads_fd(action.type))
            action.fd = fds_.received[static_cast<std::size_t>(action.fd)];
        if (!detail::perform_action(action, 0))
            fail(WarmStep::action, static_cast<int>(i), errno);
    }
}

void Birth::say(WarmStep step, int index, int error, std::span<const int> fds) const {
    detail::WarmReply reply{.magic = detail::warm_magic,
                            .serial = serial_,
                            .step = step,
                            .index = index,
                            .error = error};
    detail::send_warm_message(fds_.socket, std::as_bytes(std::span(&reply, 1)), fds);
}

void Birth::fail(WarmStep step, int index, int error) const {
    // Nobody hears of a quiet one: it ends as an exec that fails after the point of no return.
    if (!plan_.request || !plan_.request->quiet)
        say(step, index, error);
    kill(*image_.thread_id(), SIGKILL);
    for (;;)
        _exit(127);
}

}  // namespace spawntpl::warm
