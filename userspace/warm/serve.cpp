// SPDX-License-Identifier: MIT
#include "serve.hpp"

#include "affinity.hpp"
#include "birth.hpp"
#include "hello.hpp"
#include "messages.hpp"

#include <cerrno>

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

/// Its directory could not be unmounted or removed else, and a signal to the owner's process group
/// would be one for those who are still to start. Each child is told its own. The owner has looked
/// at this process when it asks for the first child.
void leave_directory_and_group() {
    char first;
    recv(detail::warm_socket, &first, sizeof(first), MSG_PEEK);
    // The leader of a session, as a program may be that has called setsid(2), leads its group. And
    // nobody could be told a group of another pid namespace.
    bool stays = getpgrp() == getpid() || getpgrp() == 0;
    if (chdir("/") != 0 || (!stays && setpgid(0, 0) != 0))
        _exit(1);
}

/// What is to be made.
struct Wanted {
    std::uint32_t lane;
    std::uint32_t serial;
    int cgroup;  ///< or -1
};

/// Does not return if the owner asks for what nobody would.
Wanted receive_fill() {
    Received message = receive(detail::warm_socket);
    WarmFill fill;
    if (!message.whole ||
        decode_warm_fill(message.bytes, static_cast<std::uint32_t>(message.fds.size()), fill))
        _exit(1);
    return {fill.lane, fill.serial, message.fds.empty() ? -1 : message.fds[0]};
}

/// The lanes, and the last child of each.
class Lanes {
public:
    explicit Lanes(const detail::WarmPage& page) : page_(page) {}

    /// The next child to make: one that the owner asks for, or that follows one which has ended.
    Wanted next() {
        for (;;) {
            // It may have ended, and have been reaped, before this process came to look at it.
            for (std::uint32_t lane = 0; lane < detail::warm_lanes; ++lane)
                if (children_[lane].pidfd < 0 && is_to_be_followed(lane))
                    return follow(lane);
            pollfd wakers[detail::warm_lanes + 1];
            wakers[detail::warm_lanes] = {
                .fd = detail::warm_socket, .events = POLLIN, .revents = 0};
            for (std::uint32_t lane = 0; lane < detail::warm_lanes; ++lane)
                wakers[lane] = {.fd = children_[lane].pidfd, .events = POLLIN, .revents = 0};
            ppoll(wakers, detail::warm_lanes + 1, nullptr, nullptr);
            if (wakers[detail::warm_lanes].revents != 0) {
                Wanted wanted = receive_fill();
                if (take(wanted))
                    return wanted;
                continue;
            }
            for (std::uint32_t lane = 0; lane < detail::warm_lanes; ++lane)
                if (wakers[lane].revents != 0 && is_to_be_followed(lane))
                    return follow(lane);
        }
    }

    /// The child of a lane has been made.
    void set(std::uint32_t lane, long pid) {
        forget(lane);
        children_[lane].pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    }

private:
    struct Child {
        std::uint32_t serial = 0;
        int pidfd = -1;
    };

    /// False if it has been made.
    bool take(const Wanted& wanted) {
        if (static_cast<std::int32_t>(wanted.serial - children_[wanted.lane].serial) > 0) {
            children_[wanted.lane].serial = wanted.serial;
            return true;
        }
        if (wanted.cgroup >= 0)
            close(wanted.cgroup);
        return false;
    }

    /// Of a child that has ended. The owner does not know yet of one that was never used.
    bool is_to_be_followed(std::uint32_t lane) {
        forget(lane);
        return children_[lane].serial != 0 && page_.taken[lane] == children_[lane].serial;
    }

    Wanted follow(std::uint32_t lane) {
        let_owner_run();
        return {lane, ++children_[lane].serial, -1};
    }

    void forget(std::uint32_t lane) {
        if (children_[lane].pidfd >= 0)
            close(children_[lane].pidfd);
        children_[lane].pidfd = -1;
    }

    /// The owner would have to wait for a processor else, when it is to see that the child has
    /// ended.
    static void let_owner_run() {
        constexpr timespec not_for_long{.tv_sec = 0, .tv_nsec = 50'000};
        pollfd owner{.fd = detail::warm_socket, .events = POLLIN, .revents = 0};
        ppoll(&owner, 1, &not_for_long, nullptr);
    }

    const detail::WarmPage& page_;
    Child children_[detail::warm_lanes];
};

}  // namespace

detail::WarmPlan serve(Image& image, WorkingSet& memory, const char* why_not,
                       const char* const* files, detail::WarmPage& page, ForkHandlers handlers) {
    send_hello(why_not, files);
    memory.find();
    leave_directory_and_group();
    Affinity affinity;
    affinity.take();
    Lanes lanes(page);
    for (;;) {
        auto [lane, serial, cgroup] = lanes.next();
        for (std::size_t i = handlers.size(); i-- != 0;)
            if (handlers[i].prepare)
                handlers[i].prepare();
        long pid = clone_sibling(page.children[lane][serial % 2], image.thread_id(), cgroup);
        int error = errno;
        if (pid == 0)
            return Birth(image, memory, affinity, lane, serial).run(handlers);
        for (const ForkHandler& handler : handlers)
            if (handler.in_parent)
                handler.in_parent();
        if (cgroup >= 0)
            close(cgroup);
        if (pid > 0) {
            lanes.set(lane, pid);
        } else {
            WarmReply reply{.magic = detail::warm_magic,
                            .serial = serial,
                            .step = WarmStep::clone,
                            .index = -1,
                            .error = error};
            // The owner would wait for ever.
            if (!detail::send_warm_message(detail::warm_first_lane + static_cast<int>(lane),
                                           std::as_bytes(std::span(&reply, 1)), {}))
                _exit(1);
        }
    }
}

}  // namespace spawntpl::warm
