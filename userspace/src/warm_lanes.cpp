// SPDX-License-Identifier: MIT
#include "warm_lanes.hpp"

#include "last_start.hpp"
#include "reaping.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

/// When no more children than these are left, the next ones are asked for: they can be made while
/// these are used.
constexpr std::ptrdiff_t few_children = warm_lane_on_demand / 4;

/// How often a start begins anew with another child.
constexpr int max_lost_children = 3;

/// -1 if it has no place in a cpu_set_t.
int this_cpu() {
    int cpu = sched_getcpu();
    return cpu < CPU_SETSIZE ? cpu : -1;
}

WarmLanes::Answer judge(const WarmReply& reply, const WarmMessage& message) {
    if (reply.step == WarmStep::refused)
        return WarmLanes::Refused{reply.error == EMFILE
                                      ? "the template process may not have so many descriptors"
                                      : "the template process does not take the request"};
    if (auto error = message.error(reply))
        return std::move(*error);
    return WarmLanes::Refused{"a child cannot be made like the caller: " +
                              std::generic_category().message(reply.error)};
}

}  // namespace

WarmLanes::~WarmLanes() {
    if (page_)
        munmap(page_, sizeof(*page_));
}

WarmLanes::WaitingChild::~WaitingChild() {
    if (pidfd_ && broker_)
        broker_->kill_and_reap(pid_, pidfd_);
    else if (pidfd_)
        kill_and_reap(pidfd_);
}

bool WarmLanes::WaitingChild::is_over() const {
    return is_over_or_stopped(pidfd_);
}

void WarmLanes::WaitingChild::enter_group(pid_t group) const {
    setpgid(pid_, group);
}

void WarmLanes::WaitingChild::bind(int cpu) const {
    cpu_set_t set;
    if (cpu < 0) {
        std::memset(&set, 0xff, sizeof(set));
    } else {
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
    }
    sched_setaffinity(pid_, sizeof(set), &set);
}

bool WarmLanes::WaitingChild::hear(WarmReply& reply) const {
    ReadyFds none;
    bool is_any;
    while (!(is_any = channel_.receive(reply, none)) && errno == EAGAIN)
        if (is_over_or_stopped(pidfd_) || is_stopped(pid_)) {
            // It may have said its word before.
            is_any = channel_.receive(reply, none, MSG_DONTWAIT);
            break;
        }
    // These two are of a child that has no request yet.
    return is_any && reply.step != WarmStep::ready && reply.step != WarmStep::clone;
}

std::string WarmLanes::open() {
    for (Lane& lane : lanes_)
        if (!(lane.theirs = lane.channel.open()))
            return "no socket: " + std::generic_category().message(errno);
    page_file_ = Fd(memfd_create("spawntpl-warm", MFD_CLOEXEC));
    void* page = MAP_FAILED;
    if (page_file_ && ftruncate(page_file_.get(), sizeof(WarmPage)) == 0)
        page = mmap(nullptr, sizeof(WarmPage), PROT_READ | PROT_WRITE, MAP_SHARED, page_file_.get(),
                    0);
    if (page == MAP_FAILED)
        return "no memory in common: " + std::generic_category().message(errno);
    page_ = static_cast<WarmPage*>(page);
    page_->cpu.store(-1, std::memory_order_relaxed);
    return {};
}

void WarmLanes::give_to(Command& command) const {
    command.fd(warm_page, page_file_.get());
    for (std::size_t number = 0; number < lanes_.size(); ++number)
        command.fd(warm_first_lane + static_cast<int>(number), lanes_[number].theirs.get());
}

void WarmLanes::keep_own_part() {
    page_file_.reset();
    // The end of those who have them is to be seen.
    for (Lane& lane : lanes_)
        lane.theirs.reset();
}

void WarmLanes::end() {
    ended_ = true;
    for (std::size_t number = 0; number < lanes_.size(); ++number)
        end_child(number);
}

/// The use of a lane by one start.
class WarmLanes::Turn {
public:
    /// Waits until one is free.
    Turn(WarmLanes& lanes, bool on_demand) : lanes_(lanes) {
        std::unique_lock lock(lanes.mutex_);
        lanes.free_.wait(lock, [&] { return take(on_demand); });
    }

    /// Takes one that no start has used yet, if there is one.
    explicit Turn(WarmLanes& lanes) : lanes_(lanes) {
        std::lock_guard lock(lanes.mutex_);
        if (lanes.open_ < warm_lane_on_demand)
            use(lanes.open_++);
    }

    Turn(const Turn&) = delete;

    ~Turn() {
        if (!lane_)
            return;
        {
            std::lock_guard lock(lanes_.mutex_);
            lanes_.lanes_[*lane_].busy = false;
        }
        // Not any of them: they may wait for different lanes.
        lanes_.free_.notify_all();
    }

    /// Empty if there was none to take.
    const std::optional<std::size_t>& lane() const { return lane_; }

private:
    bool take(bool on_demand) {
        if (on_demand)
            return !lanes_.lanes_[warm_lane_on_demand].busy && use(warm_lane_on_demand);
        // One that has its child; else, and of those, the one that has had the most time for it.
        auto comes_before = [&](std::size_t one, std::size_t other) {
            bool has = lanes_.has_child(one), other_has = lanes_.has_child(other);
            return has != other_has ? has : lanes_.lanes_[one].turn < lanes_.lanes_[other].turn;
        };
        std::optional<std::size_t> best;
        for (std::size_t number = 0; number < lanes_.open_; ++number)
            if (!lanes_.lanes_[number].busy && (!best || comes_before(number, *best)))
                best = number;
        if (!best && lanes_.open_ < warm_lane_on_demand)
            best = lanes_.open_++;
        return best && use(*best);
    }

    bool use(std::size_t number) {
        lane_ = number;
        lanes_.lanes_[number].busy = true;
        lanes_.lanes_[number].turn = ++lanes_.turns_;
        return true;
    }

    WarmLanes& lanes_;
    std::optional<std::size_t> lane_;
};

WarmLanes::Answer WarmLanes::spawn(const WarmMessage& message, const Launch& launch) {
    Turn turn(*this, launch.command().attributes().cgroup.has_value());
    const std::size_t number = *turn.lane();
    const int cpu = last_start.is_waited_for() ? this_cpu() : -1;
    page_->cpu.store(cpu, std::memory_order_relaxed);
    for (int lost = 0; lost < max_lost_children && !ended_; ++lost) {
        // Of a child without it nobody would know how it ends.
        if (broker_ && broker_->has_ended())
            break;
        auto child = next_child(number, launch);
        if (!child && child.error())
            return std::move(*child.error());
        if (!child)
            continue;
        if (child->is_over()) {
            pass(number, false);
            continue;
        }
        place(*child, number, cpu);
        pass(number, number != warm_lane_on_demand);
        // One of another pid namespace has no number.
        if (pid_t group = getpgrp(); !message.can_fail() && group != 0)
            child->enter_group(group);
        if (!child->channel().send(message.bytes(), message.fds())) {
            int error = errno;
            if (error == EPIPE || error == ECONNRESET)
                continue;
            return Refused{"the request cannot be sent: " + std::generic_category().message(error)};
        }
        if (WarmReply reply{}; message.can_fail()) {
            if (!child->hear(reply))
                continue;
            if (reply.step != WarmStep::started)
                return judge(reply, message);
        }
        ++starts_;
        make_ahead(number);
        hear_ahead();
        Started started = child->release();
        last_start.note(started.pid);
        return started;
    }
    ended_ = true;
    return Gone{};
}

/// The child of a lane, when it waits for its request; or what the start comes to without one, if
/// it is not worth to begin anew.
std::expected<WarmLanes::WaitingChild, std::optional<WarmLanes::Answer>> WarmLanes::next_child(
    std::size_t number, const Launch& launch) {
    const std::optional<int>& cgroup = launch.command().attributes().cgroup;
    Lane& lane = lanes_[number];
    lane.was_late = false;
    if (lane.ready[0])
        return WaitingChild(page_->children[number][lane.serial % 2], std::move(lane.ready[0]),
                            std::move(lane.ready[1]), broker_);
    bool in_advance = lane.asked;
    if (!in_advance && !ask(number, cgroup)) {
        int error = errno;
        if (ended_)
            return std::unexpected(std::nullopt);
        return std::unexpected(
            Refused{"the request cannot be sent: " + std::generic_category().message(error)});
    }
    WarmReply reply{};
    ReadyFds fds;
    lane.was_late = in_advance && !hear_what_is_there(lane, reply, fds);
    if (!in_advance || lane.was_late) {
        if (ended_ || (in_advance && !ask(number)) || !hear_of_child(number, reply, fds)) {
            // It may have been made, and nobody lives to tell of it.
            kill_unheard(number);
            pass(number, false);
            return std::unexpected(std::nullopt);
        }
    }
    if (reply.step == WarmStep::clone) {
        pass(number, false);
        // What was missing for a child then may be there now.
        if (in_advance)
            return next_child(number, launch);
        // Its limits are not the caller's.
        return std::unexpected(Refused{"the template process cannot make a child: " +
                                       std::generic_category().message(reply.error)});
    }
    pid_t pid = page_->children[number][lane.serial % 2];
    if (reply.step == WarmStep::ready && pid != 0 && fds[0] && fds[1])
        return WaitingChild(pid, std::move(fds[0]), std::move(fds[1]), broker_);
    // It ends without its socket.
    kill_unheard(number);
    pass(number, false);
    if (reply.step == WarmStep::ready)
        return std::unexpected(launch.clone_error(EMFILE));
    return std::unexpected(std::nullopt);
}

/// Where a caller waits for its child, that wakes up where the caller falls asleep: a processor
/// that sleeps itself takes longer to wake up. Mostly it was born there.
void WarmLanes::place(const WaitingChild& child, std::size_t number, int cpu) const {
    if (page_->bound[number] != cpu)
        child.bind(cpu);
}

/// After a start: sees to it that the next ones need not wait for their children.
void WarmLanes::make_ahead(std::size_t number) {
    if (lanes_[number].was_late)
        if (Turn another(*this); another.lane()) {
            ask(*another.lane());
            return;
        }
    if (are_few_left())
        send(warm_all_lanes, 0);
}

/// Whether that is to be seen to now. As long as lanes are added, those there are make do with what
/// is made in pauses.
bool WarmLanes::are_few_left() {
    std::lock_guard lock(mutex_);
    if (open_ < warm_lane_on_demand || turns_ - filled_ < warm_lane_on_demand / 2)
        return false;
    std::ptrdiff_t left = 0;
    for (std::size_t number = 0; number < open_; ++number)
        left += !lanes_[number].busy && has_child(number);
    if (left > few_children)
        return false;
    filled_ = turns_;
    return true;
}

/// Takes what children in advance have said. Their sockets are on their way until then, and as long
/// as any is, the kernel searches all that are for some that nobody can reach whenever one is
/// closed: by the child, too, that has just been started.
void WarmLanes::hear_ahead() {
    std::lock_guard lock(mutex_);
    for (std::size_t number = 0; number < open_; ++number) {
        Lane& lane = lanes_[number];
        if (lane.busy || lane.ready[0] || !has_child(number))
            continue;
        WarmReply reply{};
        ReadyFds fds;
        if (!hear_what_is_there(lane, reply, fds) || reply.step == WarmStep::clone)
            continue;
        if (reply.step == WarmStep::ready && fds[0] && fds[1]) {
            lane.ready = std::move(fds);
        } else {
            kill_unheard(number);
            pass(number, false);
        }
    }
}

/// Whether the next child of a lane has been made.
bool WarmLanes::has_child(std::size_t number) const {
    const Lane& lane = lanes_[number];
    return lane.asked && page_->children[number][lane.serial % 2] != 0;
}

/// Has the template process make the next child now, unless it is there.
bool WarmLanes::ask(std::size_t number, std::optional<int> cgroup) {
    Lane& lane = lanes_[number];
    lane.asked = send(static_cast<std::uint32_t>(number), lane.serial,
                      {cgroup ? &*cgroup : nullptr, cgroup ? std::size_t{1} : 0});
    return lane.asked;
}

bool WarmLanes::send(std::uint32_t lane, std::uint32_t serial, std::span<const int> fds) {
    WarmFill fill{.magic = warm_magic, .version = warm_version, .lane = lane, .serial = serial};
    bool sent = control_.send(std::as_bytes(std::span(&fill, 1)), fds);
    // A descriptor that cannot be sent is the caller's fault.
    if (!sent && (fds.empty() || errno == EPIPE || errno == ECONNRESET))
        ended_ = true;
    return sent;
}

/// On to the next child; whether the template process makes it of its own accord.
void WarmLanes::pass(std::size_t number, bool is_followed) {
    Lane& lane = lanes_[number];
    page_->children[number][lane.serial % 2] = 0;
    if (is_followed)
        page_->taken[number] = lane.serial;
    ++lane.serial;
    lane.asked = is_followed;
}

/// Waits for the next child; false if it will not come.
bool WarmLanes::hear_of_child(std::size_t number, WarmReply& reply, ReadyFds& fds) {
    Lane& lane = lanes_[number];
    for (;;) {
        if (lane.channel.receive(reply, fds)) {
            if (reply.serial == lane.serial)
                return true;
        } else if (errno != EAGAIN) {
            // After what nobody understands, nobody knows what becomes of the child.
            ended_ = ended_ || errno == EPROTO;
            return false;
        } else if (!child_may_come(number)) {
            // It may have said its word between the look at the socket and its end.
            return hear_what_is_there(lane, reply, fds);
        }
    }
}

bool WarmLanes::hear_what_is_there(Lane& lane, WarmReply& reply, ReadyFds& fds) {
    while (lane.channel.receive(reply, fds, MSG_DONTWAIT))
        if (reply.serial == lane.serial)
            return true;
    ended_ = ended_ || errno == EPROTO;
    return false;
}

/// Ends the child of a lane that has not told of itself, if there is one.
void WarmLanes::kill_unheard(std::size_t number) const {
    pid_t pid = page_ ? page_->children[number][lanes_[number].serial % 2] : 0;
    if (pid != 0 && broker_)
        broker_->kill_and_reap(pid);
    else if (pid != 0)
        kill_and_reap(pid);
}

/// Whether what is late may still come. What is stopped is ended.
bool WarmLanes::child_may_come(std::size_t number) {
    if (has_ended(pidfd_)) {
        ended_ = true;
        return false;
    }
    if (is_stopped(process_))
        kill_process(pidfd_);
    pid_t pid = page_->children[number][lanes_[number].serial % 2];
    if (pid == 0)
        return true;
    Fd pidfd = open_process(pid);
    if (pidfd && !is_over_or_stopped(pidfd) && !is_stopped(pid))
        return true;
    kill_unheard(number);
    return false;
}

void WarmLanes::end_child(std::size_t number) {
    Lane& lane = lanes_[number];
    WarmReply reply{};
    ReadyFds fds = std::move(lane.ready);
    if (!fds[0])
        hear_what_is_there(lane, reply, fds);
    lane.channel.close();
    if (fds[0] && !broker_)
        kill_and_reap(fds[0]);
    else
        kill_unheard(number);
}

}  // namespace spawntpl::detail
