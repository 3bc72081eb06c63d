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
    std::uint64_t hard;  ///< RLIM_INFINITY is none
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

/// What a child gets at the end of the program or the thread that started it.
struct ParentDeathSignal {
    int signal;      ///< its number
    ParentDeath of;  ///< whose end
};

/// Rows and columns of a terminal.
struct WindowSize {
    unsigned short rows = 24;     ///< lines of characters
    unsigned short columns = 80;  ///< characters in a line
};

/// What a Command sets besides arguments, environment and descriptors. What is unset is as in the
/// thread that starts the child. The Command's functions say what each of them means.
struct Attributes {
    std::optional<mode_t> umask;                           ///< Command::umask()
    bool new_session = false;                              ///< Command::new_session()
    std::optional<pid_t> process_group;                    ///< Command::process_group()
    std::optional<int> controlling_terminal;               ///< Command::controlling_terminal()
    std::optional<int> foreground_of;                      ///< Command::foreground()
    std::optional<WindowSize> pseudo_terminal;             ///< Command::pseudo_terminal()
    std::vector<ResourceLimit> limits;                     ///< Command::limit()
    std::optional<int> nice;                               ///< Command::nice()
    std::optional<Scheduler> scheduler;                    ///< Command::scheduler()
    std::optional<std::vector<int>> affinity;              ///< Command::affinity()
    bool reset_ids = false;                                ///< Command::reset_ids()
    std::optional<std::vector<gid_t>> groups;              ///< Command::groups()
    std::optional<gid_t> group;                            ///< Command::group()
    std::optional<uid_t> user;                             ///< Command::user()
    bool no_new_privileges = false;                        ///< Command::no_new_privileges()
    std::optional<ParentDeathSignal> parent_death_signal;  ///< Command::parent_death_signal()
    std::optional<SignalSet> signal_mask;                  ///< Command::signal_mask()
    SignalSet signal_defaults;                             ///< Command::signal_defaults()
    std::optional<int> cgroup;                             ///< Command::cgroup()
    int namespaces = 0;                                    ///< Command::namespaces()
    bool return_early = false;                             ///< Command::return_early()
};

}  // namespace spawntpl
