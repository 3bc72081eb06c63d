// SPDX-License-Identifier: MIT
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace spawnlat {

/// A command that exists before it runs, so that the probes know its process. Killed and reaped
/// with this object unless it has ended.
class TracedCommand {
public:
    static std::expected<TracedCommand, std::string> create(std::vector<std::string> words);
    TracedCommand(TracedCommand&& other) noexcept;
    TracedCommand& operator=(TracedCommand&&) = delete;
    ~TracedCommand();

    pid_t pid() const { return pid_; }

    /// Lets it execute. The error is the errno of its exec.
    std::expected<void, int> start();

    /// Passes a signal on, the first time that there is one.
    bool forward(int signal_number);

    /// Its wait status, once it has ended.
    std::optional<int> ended();

private:
    TracedCommand(pid_t pid, int socket) : pid_(pid), socket_(socket) {}

    pid_t pid_;
    int socket_;
    bool forwarded_ = false;
};

}  // namespace spawnlat
