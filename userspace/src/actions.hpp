// SPDX-License-Identifier: MIT
#pragma once

#include "launch.hpp"
#include "uapi/linux/spawn_template.h"

#include <cstdint>
#include <span>
#include <vector>

namespace spawntpl::detail {

/// The first version of struct sched_attr, see sched_setattr(2). The kernel's header for it cannot
/// be included beside libc's <sched.h>.
struct SchedulerOperand {
    std::uint32_t size;
    std::uint32_t policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t deadline[3];
};

/// Whether they are the same in what a Command can set.
constexpr bool same_scheduler(const SchedulerOperand& one, const SchedulerOperand& other) {
    return one.policy == other.policy && one.nice == other.nice && one.priority == other.priority;
}

/// What a child does between its birth and its exec, in the encoding of the spawn_template system
/// calls, each action with what it is for. Other backends carry out or translate the same list.
///
/// Keeps pointers into the Launch, which must outlive it.
class ActionList {
public:
    explicit ActionList(const Launch& launch) : launch_(launch) {}

    ActionList(const ActionList&) = delete;

    /// To be called once, first. Without descriptors, the list has no actions that move or close
    /// any.
    Result<void> build(bool with_descriptors = true);

    std::span<const spawn_template_action> all() const { return actions_; }

    // Its three parts. The first reads descriptors by the numbers that they have in the caller.
    std::span<const spawn_template_action> before_fds() const;
    std::span<const spawn_template_action> fds() const;
    std::span<const spawn_template_action> after_fds() const;

    /// The error of the action with this place in all().
    Error error(int error, std::size_t index) const;

private:
    /// What an action is for: a step, and which redirection or limit.
    struct Origin {
        Step step;
        int index;
    };

    spawn_template_action& add(std::uint32_t type, Origin origin);
    template <typename Operand>
    void add(std::uint32_t type, Origin origin, const Operand* operand, std::size_t size);

    void add_place_and_session();
    Result<void> add_fds();
    void add_limits_and_scheduling();
    Result<void> add_affinity();
    void add_rights();
    void add_signals();

    const Launch& launch_;
    std::vector<spawn_template_action> actions_;
    std::vector<Origin> origins_;
    std::size_t fds_begin_ = 0;
    std::size_t fds_end_ = 0;

    // Operands that actions point to, and descriptors that they read.
    std::vector<spawn_template_rlimit> limits_;
    SchedulerOperand scheduler_{};
    std::vector<unsigned long> cpus_;
    spawn_template_ids ids_{};
    std::uint64_t mask_ = 0;
    std::uint64_t defaults_ = 0;
    std::vector<Fd> held_;
};

}  // namespace spawntpl::detail
