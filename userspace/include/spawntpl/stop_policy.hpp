// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <optional>

namespace spawntpl {

/// How to end a child: wait for it, then SIGTERM and wait, then SIGKILL and wait. What is unset is
/// left out. A child that ends earlier is not signalled any more.
struct StopPolicy {
    /// How long to wait before any signal.
    std::optional<std::chrono::milliseconds> wait{};

    /// SIGTERM, and how long to wait for the end.
    std::optional<std::chrono::milliseconds> terminate{};

    /// SIGKILL, and how long to wait for the end; it is not long, unless the kernel holds the
    /// process.
    std::optional<std::chrono::milliseconds> kill{};

    /// Signal all descendants, too, as Child::kill_tree() finds them.
    bool tree = false;

    /// SIGKILL at once.
    static StopPolicy killing() { return {.kill = std::chrono::milliseconds::max()}; }
};

}  // namespace spawntpl
