// SPDX-License-Identifier: MIT
#pragma once

#include "actions.hpp"
#include "caller_state.hpp"
#include "launch.hpp"
#include "warm_protocol.hpp"

#include <map>
#include <string>
#include <vector>

namespace spawntpl::detail {

/// The request of one start, as the template process gets it.
///
/// Keeps pointers into the Launch, which must outlive it.
class WarmMessage {
public:
    explicit WarmMessage(const Launch& launch) : launch_(launch), actions_(launch) {}

    /// To be called once, first. @p now is the caller's state, @p then that of the template
    /// process. Why the request cannot be one, in words; empty if it can. Or an Error in what was
    /// asked for.
    Result<std::string> build(const CallerState& now, const CallerState& then);

    const std::vector<std::byte>& bytes() const { return bytes_; }

    /// Whether a step of it can fail, other than for want of memory.
    bool can_fail() const { return can_fail_; }

    /// That go with it, by the caller's numbers.
    const std::vector<int>& fds() const { return fds_; }

    /// The error of an answer; empty if what has failed was not asked for by the Command.
    std::optional<Error> error(const WarmReply& reply) const;

private:
    std::string choose_descriptors();
    std::uint32_t send_fd(int fd);
    void add_state(const CallerState& now, const CallerState& then);
    void add(spawn_template_action action, const void* operand, std::size_t size);
    void add_actions(std::span<const spawn_template_action> actions);
    bool strings_too_long() const;
    bool may_fail(const CallerState& now) const;
    void assemble(const CallerState& now, const CallerState& then);

    const Launch& launch_;
    ActionList actions_;
    Fd directory_;
    std::vector<int> fds_;
    std::map<int, std::pair<int, int>> table_;  ///< of the child: source and redirection
    std::vector<spawn_template_action> encoded_;
    std::size_t state_actions_ = 0;
    std::size_t after_ = 0;
    std::vector<std::byte> operands_;
    std::size_t strings_size_ = 0;
    bool can_fail_ = true;
    std::vector<std::byte> bytes_;
};

}  // namespace spawntpl::detail
