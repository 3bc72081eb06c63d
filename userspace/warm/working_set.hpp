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
    /// What this process has written to by now, its children will. And what it has looked at of
    /// files that are no objects, the locale's data above all, was loaded for them.
    void find();

    /// Code that every program runs through; to be called before find(), which adds all of an
    /// object that is small.
    void add_code(const void* address);

    /// In a child.
    void populate() const;

private:
    struct Run {
        std::byte* begin;
        std::size_t size;
    };

    class Runs {
    public:
        /// Behind the last one, or as a part of it. False if there is no room.
        bool add(std::byte* begin, std::size_t size);

        /// For madvise(2).
        void populate(int advice) const;

    private:
        // Few enough to cost less than a program that uses none of them can notice.
        std::array<Run, 32> runs_;
        std::size_t count_ = 0;
    };

    void add_written(std::byte* begin, std::byte* end, int pagemap);
    void add_read(std::byte* begin, std::byte* end, int pagemap);
    bool has_code(const std::byte* begin, const std::byte* end) const;

    static constexpr std::size_t max_pages_of_mapping = 16;
    static constexpr std::size_t max_windows_of_mapping = 4;
    static constexpr std::size_t max_code = 32;
    static constexpr std::size_t max_code_size = 256 * 1024;

    Runs written_;
    Runs read_;
    std::array<const void*, max_code> code_;
    std::size_t code_count_ = 0;
};

}  // namespace spawntpl::warm
