// SPDX-License-Identifier: MIT
#pragma once

#include "captures.hpp"
#include "launch.hpp"
#include "warm_environment.hpp"
#include "watched_files.hpp"

#include <spawntpl/fd.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace spawntpl::detail {

/// A warm template of the kernel: the image of a program that is linked and stands at its entry
/// point. The kernel compares the caller and the files of the image at each start; what it leaves
/// to those who make the template is seen to here: argv[0], and the variables that constructors
/// read. Shared by threads.
class KernelImage {
public:
    using Captured = Captures<KernelImage>;

    /// Has one made for starts as @p launch. It runs the program's constructors.
    static Captured::Result capture(const Launch& launch);

    KernelImage(const KernelImage&) = delete;

    /// The template.
    const Fd& fd() const { return fd_; }

    const WatchedFiles& files() const { return files_; }

    /// Why it must not be used for @p launch, in words; empty if it may.
    std::string why_unfit(const Launch& launch) const;

    /// How many starts have been begun, and when it was made.
    std::uint64_t starts() const { return starts_; }

    std::chrono::steady_clock::time_point born() const { return born_; }

    /// To be called for each start; returns how many there were before it.
    std::uint64_t count_start() { return starts_++; }

private:
    explicit KernelImage(const Launch& launch);

    Captured::Failure create(const Launch& launch);
    std::string add_files_of_image();
    Captured::Failure take(const Launch& launch);

    Fd fd_;
    std::string argv0_;
    EntriesBeforeMain environment_;
    WatchedFiles files_;
    std::atomic<std::uint64_t> starts_ = 0;
    std::chrono::steady_clock::time_point born_ = std::chrono::steady_clock::now();
};

}  // namespace spawntpl::detail
