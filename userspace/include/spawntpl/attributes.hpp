// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/signal_set.hpp>

#include <cstdint>
#include <optional>
#include <vector>

#include <sys/types.h>

namespace spawntpl {

/// The soft and the hard value of a resource limit, see getrlimit(2).
struct ResourceLimit {
    int resource;        ///< RLIMIT_CPU and so on
    std::uint64_t soft;  ///< RLIM_INFINITY is none
    std::uint64_t hard;
};

/// As for sched_setscheduler(2).
struct Scheduler {
    int policy;    ///< SCHED_OTHER and so on
    int priority;  ///< 0 but for SCHED_FIFO and SCHED_RR
};

/// Whose end the parent-death signal tells of.
enum class ParentDeath {
    /// This program's. The kernel looks at the thread that started the child: such a child can
    /// only be started by the main thread, from any other it is EINVAL.
    program,
    /// The thread's that starts the child, even while the program goes on.
    thread,
};

struct ParentDeathSignal {
    int signal;
    ParentDeath of;
};

/// Rows and columns of a terminal.
struct WindowSize {
    unsigned short rows = 24;
    unsigned short columns = 80;
};

/// What a Command sets besides arguments, environment and descriptors. What is unset is as in the
/// thread that starts the child. The members are named and documented as the Command's functions.
struct Attributes {
    std::optional<mode_t> umask;
    bool new_session = false;
    std::optional<pid_t> process_group;
    std::optional<int> controlling_terminal;
    std::optional<int> foreground_of;
    std::optional<WindowSize> pseudo_terminal;
    std::vector<ResourceLimit> limits;
    std::optional<int> nice;
    std::optional<Scheduler> scheduler;
    std::optional<std::vector<int>> affinity;
    bool reset_ids = false;
    std::optional<std::vector<gid_t>> groups;
    std::optional<gid_t> group;
    std::optional<uid_t> user;
    bool no_new_privileges = false;
    std::optional<ParentDeathSignal> parent_death_signal;
    std::optional<SignalSet> signal_mask;
    SignalSet signal_defaults;
    std::optional<int> cgroup;
    int namespaces = 0;
    bool return_early = false;
};

}  // namespace spawntpl
