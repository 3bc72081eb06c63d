// SPDX-License-Identifier: MIT
#include "actions.hpp"

#include "kernel_calls.hpp"
#include "request_errors.hpp"

#include <algorithm>
#include <climits>
#include <utility>

#include <sys/resource.h>

namespace spawntpl::detail {

namespace {

// The most CPUs that a kernel can be built for, and some more.
constexpr int max_cpus = 65536;

}  // namespace

std::span<const spawn_template_action> ActionList::before_fds() const {
    return all().first(fds_begin_);
}

std::span<const spawn_template_action> ActionList::fds() const {
    return all().subspan(fds_begin_, fds_end_ - fds_begin_);
}

std::span<const spawn_template_action> ActionList::after_fds() const {
    return all().subspan(fds_end_);
}

Result<void> ActionList::build(bool with_descriptors) {
    add_place_and_session();
    fds_begin_ = actions_.size();
    if (with_descriptors)
        if (auto added = add_fds(); !added)
            return added;
    fds_end_ = actions_.size();
    add_limits_and_scheduling();
    if (auto added = add_affinity(); !added)
        return added;
    // After what needs rights. The parent-death signal is lost when ids change.
    add_rights();
    add_signals();
    return {};
}

Error ActionList::error(int error, std::size_t index) const {
    if (index >= origins_.size())
        return launch_.request_error(error);
    auto [step, number] = origins_[index];
    switch (step) {
    case Step::redirect:
        return redirect_error(launch_.command(), error, number);
    case Step::enter_directory:
        return directory_error(launch_.command(), error);
    default:
        return attribute_error(launch_.command(), error, step, number);
    }
}

spawn_template_action& ActionList::add(std::uint32_t type, Origin origin) {
    origins_.push_back(origin);
    spawn_template_action action{};
    action.type = type;
    return actions_.emplace_back(action);
}

template <typename Operand>
void ActionList::add(std::uint32_t type, Origin origin, const Operand* operand, std::size_t size) {
    spawn_template_action& action = add(type, origin);
    action.arg = address(operand);
    action.size = size;
}

void ActionList::add_place_and_session() {
    const Attributes& attributes = launch_.command().attributes();
    if (launch_.directory() >= 0)
        add(SPAWN_TEMPLATE_FCHDIR, {Step::enter_directory, -1}).fd = launch_.directory();
    if (attributes.umask)
        add(SPAWN_TEMPLATE_UMASK, {Step::set_umask, -1}).arg = *attributes.umask;
    if (attributes.new_session || attributes.pseudo_terminal)
        add(SPAWN_TEMPLATE_SETSID, {Step::start_session, -1});
    if (attributes.process_group)
        add(SPAWN_TEMPLATE_SETPGID, {Step::join_process_group, -1}).arg =
            static_cast<std::uint64_t>(*attributes.process_group);
    if (launch_.fds().controlling_terminal() >= 0)
        add(SPAWN_TEMPLATE_SETCTTY, {Step::take_terminal, -1}).fd =
            launch_.fds().controlling_terminal();
    if (attributes.foreground_of)
        add(SPAWN_TEMPLATE_TCSETPGRP, {Step::enter_foreground, -1}).fd = *attributes.foreground_of;
}

Result<void> ActionList::add_fds() {
    std::vector<FdMove> moves = launch_.fds().moves();
    if (auto ordered = order_moves(launch_.command(), moves, held_); !ordered)
        return ordered;
    for (const FdMove& move : moves) {
        spawn_template_action& action = add(SPAWN_TEMPLATE_DUP2, {Step::redirect, move.index});
        action.fd = move.source;
        action.newfd = move.target;
        if (move.index < 0)
            origins_.back() = {Step::open_terminal, -1};
    }
    for (const FdClose& close : launch_.fds().closes())
        add(SPAWN_TEMPLATE_CLOSE, {Step::redirect, close.index}).fd = close.target;
    return {};
}

void ActionList::add_limits_and_scheduling() {
    const Attributes& attributes = launch_.command().attributes();
    limits_.reserve(attributes.limits.size());
    for (std::size_t i = 0; i < attributes.limits.size(); ++i) {
        const ResourceLimit& limit = attributes.limits[i];
        limits_.push_back({.resource = static_cast<std::uint32_t>(limit.resource),
                           .reserved = 0,
                           .cur = limit.soft,
                           .max = limit.hard});
        add(SPAWN_TEMPLATE_RLIMIT, {Step::set_limit, static_cast<int>(i)}, &limits_.back(),
            sizeof(limits_.back()));
    }
    if (attributes.nice)
        add(SPAWN_TEMPLATE_NICE, {Step::set_nice, -1}).arg =
            static_cast<std::uint64_t>(std::int64_t{*attributes.nice});
    if (attributes.scheduler) {
        scheduler_.size = sizeof(scheduler_);
        scheduler_.policy = static_cast<std::uint32_t>(attributes.scheduler->policy);
        scheduler_.priority = static_cast<std::uint32_t>(attributes.scheduler->priority);
        // The call sets it, too.
        scheduler_.nice = attributes.nice.value_or(getpriority(PRIO_PROCESS, 0));
        add(SPAWN_TEMPLATE_SETSCHED, {Step::set_scheduler, -1}, &scheduler_, sizeof(scheduler_));
    }
}

Result<void> ActionList::add_affinity() {
    const auto& cpus = launch_.command().attributes().affinity;
    if (!cpus)
        return {};
    constexpr int word = sizeof(unsigned long) * CHAR_BIT;
    if (cpus->empty())
        return std::unexpected(attribute_error(launch_.command(), EINVAL, Step::set_affinity));
    for (int cpu : *cpus) {
        if (cpu < 0 || cpu >= max_cpus) {
            Error error = attribute_error(launch_.command(), EINVAL, Step::set_affinity);
            error.detail = "there is no CPU " + std::to_string(cpu);
            return std::unexpected(std::move(error));
        }
        cpus_.resize(std::max(cpus_.size(), static_cast<std::size_t>(cpu / word + 1)));
        cpus_[static_cast<std::size_t>(cpu / word)] |= 1UL << cpu % word;
    }
    add(SPAWN_TEMPLATE_AFFINITY, {Step::set_affinity, -1}, cpus_.data(),
        cpus_.size() * sizeof(unsigned long));
    return {};
}

void ActionList::add_rights() {
    const Attributes& attributes = launch_.command().attributes();
    if (attributes.reset_ids)
        add(SPAWN_TEMPLATE_RESETIDS, {Step::set_ids, -1});
    if (attributes.groups) {
        ids_.flags |= SPAWN_TEMPLATE_IDS_GROUPS;
        ids_.nr_groups = static_cast<std::uint32_t>(attributes.groups->size());
        ids_.groups = ids_.nr_groups ? address(attributes.groups->data()) : 0;
    }
    if (attributes.group) {
        ids_.flags |= SPAWN_TEMPLATE_IDS_GID;
        ids_.gid = *attributes.group;
    }
    if (attributes.user) {
        ids_.flags |= SPAWN_TEMPLATE_IDS_UID;
        ids_.uid = *attributes.user;
    }
    if (ids_.flags)
        add(SPAWN_TEMPLATE_SETIDS, {Step::set_ids, -1}, &ids_, sizeof(ids_));
    if (attributes.no_new_privileges)
        add(SPAWN_TEMPLATE_NO_NEW_PRIVS, {Step::set_no_new_privileges, -1});
    if (attributes.parent_death_signal)
        add(SPAWN_TEMPLATE_PDEATHSIG, {Step::set_parent_death_signal, -1}).arg =
            static_cast<std::uint64_t>(attributes.parent_death_signal->signal);
}

void ActionList::add_signals() {
    const Attributes& attributes = launch_.command().attributes();
    if (attributes.signal_defaults != SignalSet()) {
        defaults_ = attributes.signal_defaults.bits();
        add(SPAWN_TEMPLATE_SIGDEFAULT, {Step::set_signals, -1}, &defaults_, sizeof(defaults_));
    }
    if (attributes.signal_mask) {
        mask_ = attributes.signal_mask->bits();
        add(SPAWN_TEMPLATE_SIGMASK, {Step::set_signals, -1}, &mask_, sizeof(mask_));
    }
}

}  // namespace spawntpl::detail
