// SPDX-License-Identifier: MIT
#pragma once

#include "backend.hpp"
#include "warm_broker.hpp"
#include "warm_channel.hpp"
#include "warm_protocol.hpp"
#include "warm_request.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>

namespace spawntpl::detail {

/// The children of a template process, until they are their callers'. Shared by threads.
///
/// A lane has one child at a time that waits for its request, and numbers them. The template
/// process makes the first one when it is asked to, and the next ones when the last have ended that
/// got a request and starts have paused, or when it is asked to before: starts that follow each
/// other closely are not disturbed by it. They take the lanes in turns; of those that have a child
/// in advance, as many are in use as there have to be for none to wait for its child. The last
/// lane's are all made when they are asked for.
class WarmLanes {
public:
    /// Those of a template process that is to be started: its socket, its number, its pidfd, and
    /// its parent, if that is not this process.
    WarmLanes(const WarmChannel& control, const pid_t& process, const Fd& pidfd,
              const std::shared_ptr<WarmBroker>& broker)
        : control_(control), process_(process), pidfd_(pidfd), broker_(broker) {}

    WarmLanes(const WarmLanes&) = delete;

    ~WarmLanes();

    /// Makes the sockets and the memory that the template process is to have; empty, or why not.
    std::string open();

    /// The memory.
    WarmPage& page() { return *page_; }

    /// Has the template process get its part; to be called before its start.
    void give_to(Command& command) const;

    /// It has got its part.
    void keep_own_part();

    /// Reaps the children that no start has used. There is no template process any more.
    void end();

    /// Whether no more children will come.
    bool have_ended() const { return ended_; }

    /// How many children have been started.
    std::uint64_t starts() const { return starts_; }

    /// There is no child, because the process or its children end before their main().
    struct Gone {};

    /// The request cannot be carried out by a warm child; why.
    struct Refused {
        std::string reason;
    };

    using Answer = std::variant<Started, Error, Refused, Gone>;

    /// Starts a child.
    Answer spawn(const WarmMessage& message, const Launch& launch);

private:
    class Turn;

    /// Ends with this object, unless it is released.
    class WaitingChild {
    public:
        WaitingChild(pid_t pid, Fd pidfd, Fd socket, std::shared_ptr<WarmBroker> broker)
            : pid_(pid),
              pidfd_(std::move(pidfd)),
              channel_(std::move(socket)),
              broker_(std::move(broker)) {}

        WaitingChild(WaitingChild&&) = default;

        ~WaitingChild();

        bool is_over() const;

        const WarmChannel& channel() const { return channel_; }

        /// At once, not when it comes to it: the group may be waited for, get a signal, or end.
        void enter_group(pid_t group) const;

        /// To one CPU, or to none: -1. Until it has its request, of which it frees itself.
        void bind(int cpu) const;

        /// Waits for its answer to the request; false if there will be none.
        bool hear(WarmReply& reply) const;

        Started release() { return {pid_, std::move(pidfd_), std::move(broker_)}; }

    private:
        pid_t pid_;
        Fd pidfd_;
        WarmChannel channel_;
        std::shared_ptr<WarmBroker> broker_;
    };

    struct Lane {
        WarmChannel channel;
        Fd theirs;
        ReadyFds ready;  ///< of the next child, if that has been heard already
        bool busy = false;
        std::uint64_t turn = 0;    ///< that was the last with this lane
        bool asked = false;        ///< for the child with this serial
        bool was_late = false;     ///< the last one, which was to be there
        std::uint32_t serial = 1;  ///< of the next child
    };

    std::expected<WaitingChild, std::optional<Answer>> next_child(std::size_t number,
                                                                  const Launch& launch);
    bool ask(std::size_t number, std::optional<int> cgroup = {});
    void make_ahead(std::size_t number);
    void hear_ahead();
    bool send(std::uint32_t lane, std::uint32_t serial, std::span<const int> fds = {});
    void place(const WaitingChild& child, std::size_t number, int cpu) const;
    bool are_few_left();
    bool has_child(std::size_t number) const;
    void pass(std::size_t number, bool is_followed);
    bool hear_of_child(std::size_t number, WarmReply& reply, ReadyFds& fds);
    bool hear_what_is_there(Lane& lane, WarmReply& reply, ReadyFds& fds);
    void kill_unheard(std::size_t number) const;
    bool child_may_come(std::size_t number);
    void end_child(std::size_t number);

    const WarmChannel& control_;
    const pid_t& process_;
    const Fd& pidfd_;
    const std::shared_ptr<WarmBroker>& broker_;
    Fd page_file_;
    WarmPage* page_ = nullptr;
    std::atomic<std::uint64_t> starts_ = 0;
    std::atomic<bool> ended_ = false;

    std::array<Lane, warm_lanes> lanes_;
    std::mutex mutex_;          ///< of the lanes' `busy` and `turn`, and of what follows
    std::size_t open_ = 0;      ///< that many have been used, beside the one on demand
    std::uint64_t turns_ = 0;   ///< that there have been
    std::uint64_t filled_ = 0;  ///< how many there had been when all lanes were asked for
    std::condition_variable free_;
};

}  // namespace spawntpl::detail
