// SPDX-License-Identifier: MIT
//
// The BPF programs: loads them, attaches what this kernel has, and reads what they counted.
#pragma once

#include "spawnlat.h"
#include "statistics.hpp"

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace spawnlat {

struct CgroupFilter {
    std::uint64_t id = 0;
    unsigned level = 0;
};

struct ProbeOptions {
    spawnlat_group group_by = GROUP_METHOD;
    /// Only what this process starts, and what those start; 0: everything.
    std::uint32_t root_pid = 0;
    CgroupFilter cgroup;
    std::string command;
    bool events = false;
    bool faults = false;
    /// Programs whose entry point ends the stage "link".
    std::vector<std::string> entries;
    unsigned max_processes = 16384;
    unsigned max_groups = 64;
    unsigned buffer_kib = 4096;
    bool verbose = false;
};

using OnEvent = std::function<void(const spawnlat_event&)>;

class Probes {
public:
    /// The error is a sentence for the user.
    static std::expected<Probes, std::string> attach(const ProbeOptions& options, OnEvent on_event);
    Probes(Probes&&) noexcept;
    Probes& operator=(Probes&&) noexcept;
    ~Probes();

    /// What cannot be measured here, and why.
    const std::vector<std::string>& missing() const;

    /// Counts on; what was counted can still be read.
    void detach();

    Snapshot read() const;

    /// Readable when there are events; -1 if none were asked for.
    int event_fd() const;
    void take_events();

private:
    struct State;
    explicit Probes(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace spawnlat
