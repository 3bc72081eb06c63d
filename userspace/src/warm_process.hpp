// SPDX-License-Identifier: MIT
#pragma once

#include "backend.hpp"
#include "caller_state.hpp"
#include "warm_program.hpp"
#include "warm_protocol.hpp"
#include "warm_request.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <variant>

namespace spawntpl::detail {

/// A process that has the program's linked image and stands before its main(): a child of the
/// caller, of whose descriptors it has none but its own socket. It ends with its owner.
///
/// For one thread at a time.
class WarmProcess {
public:
    /// Starts one as the calling thread would start the program for @p launch. Why there can be
    /// none, in words.
    static std::expected<std::unique_ptr<WarmProcess>, std::string> start(const Launch& launch,
                                                                          CallerState state);

    WarmProcess(const WarmProcess&) = delete;

    /// Ends and reaps it.
    ~WarmProcess();

    /// What the thread was like that started it.
    const CallerState& state() const { return state_; }

    /// Why it must not be used for @p launch by a thread in this state, in words; empty if it may.
    std::string why_unfit(const Launch& launch, const CallerState& now) const;

    /// How many children it has started, and when it was started itself.
    std::uint64_t starts() const { return starts_; }

    std::chrono::steady_clock::time_point born() const { return born_; }

    /// The process has ended, and there is no child.
    struct Gone {};

    /// It cannot do this one; why.
    struct Refused {
        std::string reason;
    };

    using Answer = std::variant<Started, Error, Refused, Gone>;

    /// Starts a child.
    Answer spawn(WarmMessage& message, const Launch& launch);

private:
    WarmProcess(const Launch& launch, CallerState state);

    std::string run(const Launch& launch);
    std::string hear_hello(const std::string& path);
    void wait_until_closed();
    bool send(const std::vector<std::byte>& bytes, const std::vector<int>& fds, int& error);
    bool receive(WarmReply& reply, Fd& pidfd, int flags);
    Answer judge(const WarmReply& reply, Fd pidfd, const WarmMessage& message,
                 const Launch& launch);
    bool child_has_ended() const;
    Error reap_early(const Launch& launch);
    bool is_stopped() const;

    pid_t owner_;
    pid_t pid_ = -1;
    Fd pidfd_;
    Fd socket_;
    WarmPage* page_ = nullptr;
    CallerState state_;
    std::string environment_;  ///< what of it libraries may have read
    WatchedFiles files_;
    std::uint32_t serial_ = 0;
    std::uint64_t starts_ = 0;
    std::chrono::steady_clock::time_point born_ = std::chrono::steady_clock::now();
};

}  // namespace spawntpl::detail
