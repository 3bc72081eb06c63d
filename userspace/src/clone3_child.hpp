// SPDX-License-Identifier: MIT
#pragma once

#include "child_action.hpp"

#include <climits>
#include <cstdint>
#include <span>
#include <vector>

#include <sys/types.h>

struct clone_args;

namespace spawntpl::detail {

struct FdRange {
    unsigned first;
    unsigned last;
};

/// Where a child failed.
enum class ChildStep { none, take_descriptors, action, execute };

/// Everything that a child which borrows the caller's memory needs, made before there is one: it
/// may neither allocate nor lock.
struct ChildPlan {
    const char* path = nullptr;  ///< of the program, or null
    int program = -1;            ///< the program's descriptor, where it has no path
    char* const* argv = nullptr;
    char* const* envp = nullptr;
    pid_t parent = 0;  ///< for a parent-death signal: getppid() as long as the caller lives

    // What the child does, in this order.
    std::span<const spawn_template_action> before_fds{};
    unsigned keep_below = INT_MAX;  ///< descriptors from here on are none of the child's
    std::span<const spawn_template_action> fds{};
    std::vector<FdRange> closes{};
    std::span<const spawn_template_action> after_fds{};
    const SignalBits* mask = nullptr;  ///< to be set unless an action sets another, or null

    // Written by the child.
    volatile int error = 0;
    volatile ChildStep step = ChildStep::none;
    volatile int index = -1;  ///< of the action, among all
};

/// clone3() for a child that carries out the plan; the pid, or a negative errno. The caller goes on
/// when the child has executed its program or ended. It must not have the caller's signal handlers.
long clone_child(clone_args& args, ChildPlan& plan);

/// Why clone_child() cannot be used here; empty if it can.
const char* why_no_clone_child();

}  // namespace spawntpl::detail
