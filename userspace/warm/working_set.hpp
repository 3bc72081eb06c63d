// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace spawntpl::warm {

/// Memory that every child is likely to use: it is made the child's own before there is a request,
/// at once, and not page by page while the program runs.
class WorkingSet {
public:
    /// What this process has written to by now, its children will.
    void find();

    /// Code that every program runs through.
    void add_code(const void* address);

    /// In a child.
    void populate() const;

private:
    struct Run {
        std::byte* begin;
        std::size_t size;
    };

    void add_written(std::byte* begin, std::byte* end, int pagemap);

    // Few enough to cost less than a program that uses none of them can notice.
    static constexpr std::size_t max_runs = 32;
    static constexpr std::size_t max_pages_of_mapping = 16;
    static constexpr std::size_t max_code = 32;

    std::array<Run, max_runs> runs_;
    std::size_t run_count_ = 0;
    std::array<const void*, max_code> code_;
    std::size_t code_count_ = 0;
};

}  // namespace spawntpl::warm
