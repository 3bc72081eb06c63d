// SPDX-License-Identifier: MIT
#pragma once

#include "map_progress.hpp"
#include "map_run.hpp"
#include "map_stream.hpp"
#include "map_task.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace spawntpl::tools {

/// All that spawntpl map writes: what the jobs wrote, how they ended, complaints, the progress.
class Printer {
public:
    /// The arguments outlive it.
    Printer(const MapOptions& options, const WriteWait& wait);

    /// Jobs that have ended but whose output has to wait for that of earlier ones.
    static constexpr std::size_t most_waiting = 1000;

    bool has_room() const { return waiting_.size() < most_waiting; }

    /// Of a job that is not run again.
    void print(Task task, const JobResult& result);

    /// Writes the lines of JSON that have come together.
    void flush();

    /// Writes all, also what waited for earlier jobs.
    void finish();

    void complain(const std::string& text);

    void show_progress(const Progress::Counts& counts) { progress_.show(counts); }

    /// When that is next of use.
    Progress::Clock::time_point next_progress() const { return progress_.next(); }

    /// The first errno of an output of jobs, or 0.
    int error() const { return error_; }

private:
    void print_in_order(Task task);
    void write(const Task& task);
    void note(int error);

    const MapOptions& options_;
    OutputStream out_;
    OutputStream err_;
    Progress progress_;
    std::map<std::uint64_t, Task> waiting_;
    std::uint64_t next_ = 1;
    std::string results_;
    int error_ = 0;
};

}  // namespace spawntpl::tools
