// SPDX-License-Identifier: MIT
#pragma once

#include "warm_channel.hpp"
#include "warm_protocol.hpp"

#include <spawntpl/error.hpp>
#include <spawntpl/fd.hpp>

#include <cstdint>
#include <mutex>
#include <string>

#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

namespace spawntpl::detail {

/// The parent of a template process and of its children, in the place of this process, which asks
/// it how they end: see userspace/warm/broker.cpp. It ends with this object, and with the process
/// that made it; then nobody knows how they end. Shared by threads.
class WarmBroker {
public:
    WarmBroker() = default;

    WarmBroker(const WarmBroker&) = delete;

    ~WarmBroker();

    /// Why this process cannot have one, in words; empty if it can.
    static std::string why_none();

    /// Makes both ends of the socket; the other one is for the broker. -1 and errno if it fails.
    Fd open() { return channel_.open(); }

    /// It has been started; to be called once, and nothing else before.
    void set(pid_t pid, Fd pidfd);

    pid_t pid() const { return pid_; }

    bool has_ended() const;

    /// As waitid(2) for the end of one of its children: waits for that unless there is WNOHANG in
    /// @p options. False and errno: ECHILD if nobody knows of it, and never will.
    bool wait(pid_t pid, const Fd& pidfd, int options, siginfo_t& info, rusage& usage);

    /// What is wrong with a wait that has failed with an errno.
    Error error(int error) const;

    /// Ends one of its children and has it reaped.
    void kill_and_reap(pid_t pid, const Fd& pidfd);

    /// The same, if it still is one of its children.
    void kill_and_reap(pid_t pid);

private:
    int ask(pid_t pid, WarmEnd& end);

    std::uint64_t owner_ = 0;  ///< its process_generation()
    pid_t pid_ = -1;
    Fd pidfd_;
    WarmChannel channel_;
    std::mutex mutex_;  ///< of one question with its answer
};

}  // namespace spawntpl::detail
