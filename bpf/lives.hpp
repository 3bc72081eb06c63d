// SPDX-License-Identifier: MIT
//
// Events put together to the lives of single processes, and where these are written.
#pragma once

#include "spawnlat.h"

#include <fstream>
#include <memory>
#include <ostream>
#include <string>
#include <unordered_map>
#include <vector>

namespace spawnlat {

/// One process with everything it went through. Times are CLOCK_MONOTONIC, in nanoseconds.
struct Life {
    /// What is known when it ends; of a process that still runs, what its last event knew.
    spawnlat_event process{};
    /// Its class, or "running".
    std::string outcome;
    std::vector<spawnlat_event> stages;
};

class LifeSink {
public:
    virtual ~LifeSink() = default;
    virtual void write(const Life& life) = 0;

    /// Nothing more will come. Returns what could not be written, or nothing.
    virtual std::string end() { return {}; }
};

/// One JSON object a line.
class JsonLives : public LifeSink {
public:
    explicit JsonLives(std::ostream& out) : out_(out) {}
    void write(const Life& life) override;

private:
    std::ostream& out_;
};

/// One line of text for each process.
class TextLives : public LifeSink {
public:
    explicit TextLives(std::ostream& out) : out_(out) {}
    void write(const Life& life) override;

private:
    std::ostream& out_;
    bool begun_ = false;
};

/// A file in the trace event format, which Perfetto and chrome://tracing show: a process has a
/// row, the rows are grouped by the parent.
class TraceFile : public LifeSink {
public:
    explicit TraceFile(const std::string& path);
    bool good() const { return file_.good(); }
    void write(const Life& life) override;
    std::string end() override;

private:
    void add(const std::string& event);

    std::string path_;
    std::ofstream file_;
    bool begun_ = false;
};

class Lives {
public:
    void add_sink(std::unique_ptr<LifeSink> sink) { sinks_.push_back(std::move(sink)); }
    bool wanted() const { return !sinks_.empty(); }
    void take(const spawnlat_event& event);

    /// Writes those that run or were not seen to be reaped, and ends the sinks. Returns what one
    /// of them could not write, or nothing.
    std::string end();

private:
    void write(const Life& life);

    std::vector<std::unique_ptr<LifeSink>> sinks_;
    std::unordered_map<std::uint32_t, Life> lives_;
};

}  // namespace spawnlat
