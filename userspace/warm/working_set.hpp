// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace spawntpl::warm {

inline constexpr std::size_t page_size = 4096;

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

    /// These pages, in ascending order, instead: children have looked at them.
    void learn(std::span<std::byte* const> pages);

    /// In a child.
    void populate() const;

private:
    struct Run {
        std::byte* begin;
        std::size_t size;
    };

    /// Some of a kind, as many as there is room for: few enough to cost less than a program that
    /// uses none of them can notice.
    template <typename Item, std::size_t most>
    class Few {
    public:
        /// False if there is no room.
        bool add(Item item) {
            if (count_ == most)
                return false;
            items_[count_++] = item;
            return true;
        }

        Item* last() { return count_ == 0 ? nullptr : &items_[count_ - 1]; }

        const Item* begin() const { return items_.data(); }

        const Item* end() const { return items_.data() + count_; }

    private:
        std::array<Item, most> items_;
        std::size_t count_ = 0;
    };

    bool add_written(std::byte* page);
    void add_written(std::byte* begin, std::byte* end, int pagemap);
    void add_windows(const std::byte* begin, const std::byte* end);
    void add_ends(const std::byte* begin, const std::byte* end);
    void add_read(std::byte* begin, std::byte* end, int pagemap);
    bool has_code(const std::byte* begin, const std::byte* end) const;

    static constexpr std::size_t max_pages_of_mapping = 16;
    static constexpr std::size_t max_pages_learned = 96;
    static constexpr std::size_t max_windows_of_mapping = 4;
    static constexpr std::size_t max_code_size = 256 * 1024;

    Few<Run, 64> written_;
    Few<const std::byte*, 128> read_;  ///< one address of what the kernel maps at once
    Few<const std::byte*, 32> code_;
};

}  // namespace spawntpl::warm
