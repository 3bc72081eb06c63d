// SPDX-License-Identifier: MIT
#pragma once

#include "backend.hpp"
#include "caller_state.hpp"
#include "library_search.hpp"
#include "warm_channel.hpp"
#include "warm_environment.hpp"
#include "warm_program.hpp"
#include "warm_protocol.hpp"
#include "warm_request.hpp"
#include "watched_files.hpp"

#include <spawntpl/template.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>

namespace spawntpl::detail {

/// A process that has the program's linked image and stands before its main(): a child of the
/// caller, of whose descriptors it has none but its own sockets. It ends with its owner.
///
/// It makes the child of the next start ahead of time. Shared by threads.
class WarmProcess {
public:
    /// Starts one as the calling thread would start the program for @p launch. Why there can be
    /// none, in words.
    static std::expected<std::shared_ptr<WarmProcess>, std::string> start(const Launch& launch,
                                                                          CallerState state);

    WarmProcess(const WarmProcess&) = delete;

    /// Ends and reaps it and the children that were not used.
    ~WarmProcess();

    /// What the thread was like that started it.
    const CallerState& state() const { return state_; }

    /// Why it must not be used for @p launch by a thread in this state, in words; empty if it may.
    std::string why_unfit(const Launch& launch, const CallerState& now) const;

    /// How many children it has started, and when it was started itself.
    std::uint64_t starts() const { return starts_; }

    std::chrono::steady_clock::time_point born() const { return born_; }

    /// Whether no more children will come.
    bool has_ended() const { return ended_; }

    /// There is no child, because the process or the child has ended before its main().
    struct Gone {};

    /// It cannot do this one; why.
    struct Refused {
        std::string reason;
    };

    using Answer = std::variant<Started, Error, Refused, Gone>;

    /// Starts a child.
    Answer spawn(const WarmMessage& message, const Launch& launch);

private:
    class Turn;

    /// A child that waits for its request, or will.
    struct Lane {
        WarmChannel channel;
        bool busy = false;
        bool filled = false;       ///< there is a child, or one was asked for
        int busy_starts = 0;       ///< that should find their child made, not made later
        std::uint32_t serial = 0;  ///< of that
    };

    explicit WarmProcess(CallerState state);

    std::string run(const Launch& launch);
    std::string why_not_preloaded(const Template& program, const Launch& launch,
                                  const std::vector<std::string>& environment);
    std::expected<std::pair<WarmNews, std::string>, std::string> hear_news(
        const Program& program) const;
    std::string hear_hello(const Launch& launch);
    std::string compare_status(const Program& program);
    std::string watch_files(const std::string& path);
    bool fill(std::size_t lane, bool at_leisure, std::optional<int> cgroup = {});
    void hurry();
    bool hear(std::size_t lane, WarmReply& reply, Fd& pidfd);
    bool child_may_answer(std::size_t lane, const Fd& pidfd) const;
    Answer give_up(std::size_t lane, const Fd& pidfd);
    static Answer judge(const WarmReply& reply, Fd pidfd, const WarmMessage& message);
    void end_child(std::size_t lane);

    pid_t owner_;
    pid_t pid_ = -1;
    Fd pidfd_;
    WarmChannel control_;
    WarmPage* page_ = nullptr;
    CallerState state_;
    EntriesBeforeMain environment_;
    LibrarySearch libraries_;
    WatchedFiles files_;
    std::chrono::steady_clock::time_point born_ = std::chrono::steady_clock::now();
    std::atomic<std::uint32_t> serial_ = 0;
    std::atomic<std::uint64_t> starts_ = 0;
    std::atomic<bool> ended_ = false;

    std::array<Lane, warm_lanes> lanes_;
    std::mutex mutex_;  ///< of the lanes' `busy`
    std::condition_variable free_;
};

}  // namespace spawntpl::detail
