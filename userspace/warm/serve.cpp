// SPDX-License-Identifier: MIT
#include "serve.hpp"

#include "child_action.hpp"
#include "descriptors.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <link.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::warm {

namespace {

using detail::SignalBits;
using detail::WarmPlan;
using detail::WarmReply;
using detail::WarmStep;

// Children use it where it is: the strings of their arguments are in it.
alignas(4096) std::byte message[detail::warm_max_request];
// Each string has its NUL at least.
char* pointers[detail::warm_max_request + 2];
int received[detail::warm_max_fds];

/// A message that was received.
struct Received {
    std::span<std::byte> bytes;
    std::span<int> fds;
    bool whole;
};

/// Ends the process when the owner has gone.
Received receive() {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(received))];
    iovec part{message, sizeof(message)};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
    ssize_t length;
    do
        length = recvmsg(detail::warm_socket, &header, MSG_CMSG_CLOEXEC);
    while (length < 0 && errno == EINTR);
    if (length <= 0)
        _exit(0);

    std::size_t count = 0;
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part))
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
            std::size_t size = part->cmsg_len - CMSG_LEN(0);
            std::memcpy(received + count, CMSG_DATA(part), size);
            count += size / sizeof(int);
        }
    return {{message, static_cast<std::size_t>(length)},
            {received, count},
            (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0};
}

void send(int socket, const WarmReply& reply, int pidfd = -1) {
    iovec part{const_cast<WarmReply*>(&reply), sizeof(reply)};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (pidfd >= 0) {
        header.msg_control = control;
        header.msg_controllen = sizeof(control);
        cmsghdr* rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(rights), &pidfd, sizeof(pidfd));
    }
    while (sendmsg(socket, &header, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
}

void send_hello(const char* why_not) {
    // The message is made where requests will come.
    std::size_t length = sizeof(detail::WarmHello);
    *reinterpret_cast<detail::WarmHello*>(message) = {detail::warm_magic, detail::warm_version};
    auto append = [&](const char* text) {
        std::size_t size = std::strlen(text) + 1;
        if (size <= sizeof(message) - length)
            std::memcpy(message + length, text, size);
        length += size;
    };
    append(why_not ? why_not : "");
    dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* data) {
            (*static_cast<decltype(append)*>(data))(info->dlpi_name);
            return 0;
        },
        &append);
    if (length > sizeof(message) || ::send(detail::warm_socket, message, length, MSG_NOSIGNAL) < 0)
        _exit(1);
}

/// As fork(2), but the child is one of this process's parent.
long clone_sibling(detail::WarmPage& page, int* thread_id, int cgroup) {
    // The child's exit signal is that of this process.
    std::uint64_t flags =
        CLONE_PARENT | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
    auto* pid = const_cast<pid_t*>(&page.child);
    // Without a need of the newer call, which the filters of containers forbid.
    if (cgroup < 0)
        return syscall(SYS_clone, flags, nullptr, pid, thread_id, 0);
    clone_args args{};
    args.flags = flags | CLONE_INTO_CGROUP;
    args.parent_tid = reinterpret_cast<std::uintptr_t>(pid);
    args.child_tid = reinterpret_cast<std::uintptr_t>(thread_id);
    args.cgroup = static_cast<unsigned>(cgroup);
    return syscall(SYS_clone3, &args, sizeof(args));
}

void set_signals(SignalBits signals, void (*disposition)(int)) {
    for (int number = 1; signals != 0; ++number, signals >>= 1)
        if (signals & 1)
            signal(number, disposition);
}

/// A child, between its birth and its main().
class Birth {
public:
    Birth(const Image& image, const WarmPlan& plan, std::span<int> fds)
        : image_(image),
          plan_(plan),
          fds_{.received = fds, .socket = detail::warm_socket, .pidfd = -1} {}

    void run(std::span<const ForkHandler> handlers) {
        fds_.pidfd = static_cast<int>(syscall(SYS_pidfd_open, *image_.thread_id(), 0));
        if (fds_.pidfd < 0 || !image_.renew() || !image_.show_strings(plan_))
            fail(WarmStep::prepare);
        for (const ForkHandler& handler : handlers)
            if (handler.in_child)
                handler.in_child();

        const detail::WarmRequest& request = *plan_.request;
        set_signals(request.ignored, SIG_IGN);
        set_signals(request.defaulted, SIG_DFL);
        perform(0, request.after);
        int failed = arrange(plan_.moves, fds_);
        if (failed >= 0)
            fail(WarmStep::move, failed);
        perform(request.after, request.nr_actions);

        send(fds_.socket, reply(WarmStep::started), fds_.pidfd);
        close(fds_.socket);
        close(fds_.pidfd);
        image_.use_strings(plan_);
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, &request.mask, nullptr, sizeof(request.mask));
    }

private:
    void perform(std::uint32_t first, std::uint32_t end) {
        for (std::uint32_t i = first; i < end; ++i) {
            spawn_template_action action = plan_.actions[i];
            if (detail::warm_action_reads_fd(action.type))
                action.fd = fds_.received[static_cast<std::size_t>(action.fd)];
            if (!detail::perform_action(action, 0))
                fail(WarmStep::action, static_cast<int>(i));
        }
    }

    WarmReply reply(WarmStep step, int index = -1, int error = 0) const {
        return {.magic = detail::warm_magic,
                .serial = plan_.request->serial,
                .step = step,
                .pid = *image_.thread_id(),
                .index = index,
                .error = error};
    }

    [[noreturn]] void fail(WarmStep step, int index = -1) {
        send(fds_.socket, reply(step, index, errno), fds_.pidfd);
        for (;;)
            _exit(127);
    }

    const Image& image_;
    const WarmPlan& plan_;
    Descriptors fds_;
};

}  // namespace

WarmPlan serve(Image& image, const char* why_not, detail::WarmPage& page,
               std::span<const ForkHandler> handlers) {
    send_hello(why_not);
    for (;;) {
        Received request = receive();
        WarmPlan plan;
        WarmReply reply{.magic = detail::warm_magic,
                        .serial = 0,
                        .step = WarmStep::refused,
                        .pid = 0,
                        .index = -1,
                        .error = EPROTO};
        if (!request.whole)
            reply.error = EMFILE;
        const char* wrong = decode_warm_request(
            request.bytes, static_cast<std::uint32_t>(request.fds.size()), pointers, plan);
        if (request.bytes.size() >= sizeof(detail::WarmRequest))
            reply.serial = reinterpret_cast<const detail::WarmRequest*>(message)->serial;

        if (request.whole && !wrong) {
            for (std::size_t i = handlers.size(); i-- != 0;)
                if (handlers[i].prepare)
                    handlers[i].prepare();
            int cgroup = plan.request->cgroup;
            long pid = clone_sibling(page, image.thread_id(),
                                     cgroup < 0 ? -1 : received[static_cast<std::size_t>(cgroup)]);
            reply.error = errno;
            if (pid == 0) {
                Birth(image, plan, request.fds).run(handlers);
                return plan;
            }
            for (const ForkHandler& handler : handlers)
                if (handler.in_parent)
                    handler.in_parent();
            if (pid < 0)
                reply.step = WarmStep::clone;
            else
                reply.step = WarmStep::started;
        }
        syscall(SYS_close_range, static_cast<unsigned>(detail::warm_page), ~0U, 0);
        page.closed = reply.serial;
        if (page.awaited)
            syscall(SYS_futex, &page.closed, FUTEX_WAKE, 1, nullptr, nullptr, 0);
        if (reply.step != WarmStep::started)
            send(detail::warm_socket, reply);
    }
}

}  // namespace spawntpl::warm
