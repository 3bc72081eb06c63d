// SPDX-License-Identifier: MIT
#include "serve.hpp"

#include "birth.hpp"
#include "hello.hpp"
#include "messages.hpp"

#include <cerrno>
#include <cstring>

#include <linux/sched.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::warm {

namespace {

using detail::WarmFill;
using detail::WarmReply;
using detail::WarmStep;

/// As fork(2), but the child is one of this process's parent.
long clone_sibling(volatile pid_t& child, int* thread_id, int cgroup) {
    // The child's exit signal is that of this process.
    std::uint64_t flags =
        CLONE_PARENT | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
    auto* pid = const_cast<pid_t*>(&child);
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

/// The child that was made last. What is made at leisure is made after its end, and not before the
/// owner has seen that: both would have to wait for a processor else.
class Predecessor {
public:
    void set(long pid) {
        if (pidfd_ >= 0)
            close(pidfd_);
        pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    }

    /// Not for long; not if the owner has something to say meanwhile.
    void let_run() const {
        constexpr timespec for_child{.tv_sec = 0, .tv_nsec = 2'000'000};
        constexpr timespec for_owner{.tv_sec = 0, .tv_nsec = 50'000};
        pollfd wakers[] = {{.fd = detail::warm_socket, .events = POLLIN, .revents = 0},
                           {.fd = pidfd_, .events = POLLIN, .revents = 0}};
        if (ppoll(wakers, 2, &for_child, nullptr) > 0 && wakers[0].revents == 0)
            ppoll(wakers, 1, &for_owner, nullptr);
    }

private:
    int pidfd_ = -1;
};

/// It could not be unmounted or removed else; each child is told its own. The owner has looked at
/// this process when it asks for the first child.
void leave_directory() {
    char first;
    recv(detail::warm_socket, &first, sizeof(first), MSG_PEEK);
    if (chdir("/") != 0)
        _exit(1);
}

/// The next thing to do; does not return if the owner asks for what nobody would.
WarmFill receive_fill(int& cgroup) {
    Received message = receive(detail::warm_socket);
    WarmFill fill;
    if (!message.whole || message.bytes.size() != sizeof(fill) || message.fds.size() > 1)
        _exit(1);
    std::memcpy(&fill, message.bytes.data(), sizeof(fill));
    if (fill.magic != detail::warm_magic || fill.version != detail::warm_version ||
        fill.lane > detail::warm_no_lane)
        _exit(1);
    cgroup = message.fds.empty() ? -1 : message.fds[0];
    return fill;
}

}  // namespace

detail::WarmPlan serve(Image& image, WorkingSet& memory, const char* why_not,
                       const char* const* files, detail::WarmPage& page, ForkHandlers handlers) {
    send_hello(why_not, files);
    memory.find();
    leave_directory();
    Predecessor predecessor;
    for (;;) {
        int cgroup;
        WarmFill fill = receive_fill(cgroup);
        if (fill.lane == detail::warm_no_lane)
            continue;
        if (fill.at_leisure)
            predecessor.let_run();
        for (std::size_t i = handlers.size(); i-- != 0;)
            if (handlers[i].prepare)
                handlers[i].prepare();
        long pid = clone_sibling(page.children[fill.lane], image.thread_id(), cgroup);
        int error = errno;
        if (pid == 0)
            return Birth(image, memory, fill).run(handlers);
        for (const ForkHandler& handler : handlers)
            if (handler.in_parent)
                handler.in_parent();
        if (cgroup >= 0)
            close(cgroup);
        if (pid > 0) {
            predecessor.set(pid);
        } else {
            WarmReply reply{.magic = detail::warm_magic,
                            .serial = fill.serial,
                            .step = WarmStep::clone,
                            .pid = 0,
                            .index = -1,
                            .error = error};
            send(detail::warm_first_lane + static_cast<int>(fill.lane), &reply, sizeof(reply));
        }
    }
}

}  // namespace spawntpl::warm
