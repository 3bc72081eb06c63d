// SPDX-License-Identifier: MIT
#pragma once

#include "backend.hpp"
#include "caller_state.hpp"
#include "library_search.hpp"
#include "warm_broker.hpp"
#include "warm_channel.hpp"
#include "warm_environment.hpp"
#include "warm_lanes.hpp"
#include "warm_program.hpp"
#include "watched_files.hpp"

#include <spawntpl/template.hpp>

#include <chrono>
#include <expected>
#include <memory>
#include <string>

namespace spawntpl::detail {

/// A process that has the program's linked image and stands before its main(): a child of the
/// caller or of a WarmBroker, that has none of the caller's descriptors but its own sockets. It
/// ends with its owner. Shared by threads.
class WarmProcess {
public:
    /// Starts one as the calling thread would start the program for @p launch. Why there can be
    /// none, in words.
    static std::expected<std::shared_ptr<WarmProcess>, std::string> start(const Launch& launch,
                                                                          CallerState state);

    WarmProcess(const WarmProcess&) = delete;

    /// Ends and reaps it and the children that were not used.
    ~WarmProcess();

    const WatchedFiles& files() const { return files_; }

    /// What the thread was like that started it.
    const CallerState& state() const { return state_; }

    /// Why it must not be used for @p launch by a thread in this state, in words; empty if it may.
    std::string why_unfit(const Launch& launch, const CallerState& now) const;

    /// How many children it has started, and when it was started itself.
    std::uint64_t starts() const { return lanes_.starts(); }

    std::chrono::steady_clock::time_point born() const { return born_; }

    /// Whether no more children will come.
    bool has_ended() const { return lanes_.have_ended(); }

    /// Starts a child.
    WarmLanes::Answer spawn(const WarmMessage& message, const Launch& launch) {
        return lanes_.spawn(message, launch);
    }

private:
    explicit WarmProcess(CallerState state);

    std::string run(const Launch& launch);
    std::string why_not_preloaded(const Template& program, const Launch& launch,
                                  const std::vector<std::string>& environment);
    std::expected<std::pair<WarmHello, std::string>, std::string> hear_news(
        const Program& program) const;
    std::string hear_hello(const Launch& launch);
    std::string find_process(pid_t pid);
    std::string compare_status(const Program& program);
    std::string watch_files(const std::string& path);

    std::uint64_t owner_;                 ///< its process_generation()
    std::shared_ptr<WarmBroker> broker_;  ///< if the Template wants one
    pid_t pid_ = -1;
    Fd pidfd_;
    WarmChannel control_;
    CallerState state_;
    EntriesBeforeMain environment_;
    LibrarySearch libraries_;
    WatchedFiles files_;
    std::chrono::steady_clock::time_point born_ = std::chrono::steady_clock::now();
    WarmLanes lanes_{control_, pid_, pidfd_, broker_};
};

}  // namespace spawntpl::detail
