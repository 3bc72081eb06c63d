// SPDX-License-Identifier: MIT
#include "serve.hpp"

#include "affinity.hpp"
#include "birth.hpp"
#include "hello.hpp"
#include "messages.hpp"
#include "rehearsals.hpp"

#include <cerrno>
#include <utility>

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
    int cgroup;       ///< or -1
    bool in_advance;  ///< nobody waits for it
};

/// Does not return if the owner asks for what nobody would.
Wanted receive_fill() {
    Received message = receive(detail::warm_socket);
    WarmFill fill;
    if (!message.whole ||
        decode_warm_fill(message.bytes, static_cast<std::uint32_t>(message.fds.size()), fill))
        _exit(1);
    return {fill.lane, fill.serial, message.fds.empty() ? -1 : message.fds[0], false};
}

/// The lanes, and the last child of each.
class Lanes {
public:
    explicit Lanes(const detail::WarmPage& page) : page_(page) {}

    /// The next child to make: one that the owner asks for, or that follows one which got a
    /// request.
    Wanted next() {
        for (;;) {
            if (wait()) {
                if (Wanted wanted = receive_fill(); wanted.lane == detail::warm_all_lanes)
                    state_ = State::fills_all;
                else if (take(wanted))
                    return wanted;
                continue;
            }
            if (state_ != State::fills && state_ != State::fills_all)
                continue;
            for (std::uint32_t lane = 0; lane < detail::warm_lanes; ++lane)
                if (is_used(lane) && (state_ == State::fills_all || has_ended(lane))) {
                    forget(lane);
                    return {lane, ++children_[lane].serial, -1, true};
                }
            state_ = State::rests;
        }
    }

    /// Where the next child is to be made; -1: anywhere. While starts come, in their way nowhere.
    int cpu() {
        std::uint32_t starts = count_starts();
        bool none_came = std::exchange(starts_, starts) == starts;
        return none_came ? page_.cpu.load(std::memory_order_relaxed) : -1;
    }

    /// The child of a lane has been made.
    void set(std::uint32_t lane, long pid) {
        forget(lane);
        children_[lane].pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    }

    /// Whether the last child has got a request. The owner does not know yet of the end of one that
    /// has not.
    bool is_used(std::uint32_t lane) const {
        return children_[lane].serial != 0 && page_.taken[lane] == children_[lane].serial;
    }

private:
    struct Child {
        std::uint32_t serial = 0;
        int pidfd = -1;  ///< or -1: it has ended
    };

    enum class State {
        rests,      ///< until a child ends
        pauses,     ///< until no start has come for a while: what it made would be in their way
        fills,      ///< lanes whose children have ended
        fills_all,  ///< also those whose children still run
    };

    /// For the owner's next request, which comes before all else, and for what the state is there
    /// for. False if there is no request.
    bool wait() {
        if (state_ == State::rests && is_any_due())
            pause();
        constexpr timespec a_while{.tv_sec = 0, .tv_nsec = 1'000'000}, none{};
        const timespec* time = state_ == State::pauses ? &a_while : &none;
        pollfd wakers[detail::warm_lanes + 1];
        wakers[0] = {.fd = detail::warm_socket, .events = POLLIN, .revents = 0};
        nfds_t count = 1;
        if (state_ == State::rests) {
            time = nullptr;
            for (const Child& child : children_)
                wakers[count++] = {.fd = child.pidfd, .events = POLLIN, .revents = 0};
        }
        int ready = ppoll(wakers, count, time, nullptr);
        // More than the limit of descriptors that somebody has set: the owner comes first.
        if (ready < 0 && errno == EINVAL)
            ready = ppoll(wakers, count = 1, time, nullptr);
        if (wakers[0].revents != 0)
            return true;
        for (nfds_t i = 1; i < count; ++i)
            if (wakers[i].revents != 0)
                forget(static_cast<std::uint32_t>(i - 1));
        if (ready == 0 && state_ == State::pauses && !pause())
            state_ = State::fills;
        return false;
    }

    /// Whether starts have come since the last look.
    bool pause() {
        std::uint32_t starts = count_starts();
        state_ = State::pauses;
        return std::exchange(starts_, starts) != starts;
    }

    std::uint32_t count_starts() const {
        std::uint32_t starts = 0;
        for (std::uint32_t taken : page_.taken)
            starts += taken;
        return starts;
    }

    bool is_any_due() {
        for (std::uint32_t lane = 0; lane < detail::warm_lanes; ++lane)
            if (children_[lane].pidfd < 0 && is_used(lane))
                return true;
        return false;
    }

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

    bool has_ended(std::uint32_t lane) const {
        pollfd ended{.fd = children_[lane].pidfd, .events = POLLIN, .revents = 0};
        return ended.fd < 0 || poll(&ended, 1, 0) > 0;
    }

    void forget(std::uint32_t lane) {
        if (children_[lane].pidfd >= 0)
            close(children_[lane].pidfd);
        children_[lane].pidfd = -1;
    }

    const detail::WarmPage& page_;
    Child children_[detail::warm_lanes];
    State state_ = State::rests;
    std::uint32_t starts_ = 0;  ///< the sum of the serials at the last look
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
    // Not on the stack, of which children use what is next.
    static Rehearsals rehearsals;
    static const WorkingSet nothing{};
    for (;;) {
        auto [lane, serial, cgroup, in_advance] = lanes.next();
        rehearsals.look(memory);
        const bool rehearses = in_advance && rehearsals.is_next();
        for (std::size_t i = handlers.size(); i-- != 0;)
            if (handlers[i].prepare)
                handlers[i].prepare();
        affinity.bind(lanes.cpu());
        page.bound[lane] = affinity.bound();
        long pid = clone_sibling(page.children[lane][serial % 2], image.thread_id(), cgroup);
        int error = errno;
        if (pid == 0)
            return Birth(image, rehearses ? nothing : memory, affinity, lane, serial).run(handlers);
        for (const ForkHandler& handler : handlers)
            if (handler.in_parent)
                handler.in_parent();
        if (cgroup >= 0)
            close(cgroup);
        if (pid > 0) {
            lanes.set(lane, pid);
            if (rehearses)
                rehearsals.begin(static_cast<pid_t>(pid));
            if (rehearses && lanes.is_used(lane))
                rehearsals.begin_anew();
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
