// SPDX-License-Identifier: MIT
#pragma once

#include "fault_record.hpp"
#include "working_set.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace spawntpl::warm {

/// Finds out what memory a program uses: the first of its children get none ahead, and what most of
/// them have looked at until their ends, those that come later do.
class Rehearsals {
public:
    /// Whether the next child is to be one.
    bool is_next() const { return done_ < wanted && !record_.has_begun(); }

    /// With a child that has just been made. That may take some milliseconds.
    void begin(pid_t child);

    /// The child has not been heard from the beginning: another one is to be.
    void begin_anew() { record_.end(); }

    /// To be called before each child. When enough have ended, @p memory is what they have looked
    /// at.
    void look(WorkingSet& memory);

private:
    struct Page {
        std::byte* begin;
        int rehearsals;  ///< in how many it was looked at
        int last;        ///< in which
    };

    void count();
    void count(std::byte* page);
    void teach(WorkingSet& memory);

    static constexpr int wanted = 3, most = 2;
    static constexpr int max_looks = 64;
    static constexpr std::size_t max_pages = 256;

    FaultRecord record_;
    int done_ = 0;
    int looks_ = 0;  ///< at the child of the record, which went on
    std::array<Page, max_pages> pages_{};
    std::size_t size_ = 0;
};

}  // namespace spawntpl::warm
