// SPDX-License-Identifier: MIT
#include "working_set.hpp"

#include "lines.hpp"

#include <cstdint>
#include <cstdlib>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace spawntpl::warm {

namespace {

constexpr std::size_t page_size = 4096;

/// Whether the entry of /proc/PID/pagemap is of a page that the process has alone.
bool is_own(std::uint64_t entry) {
    constexpr std::uint64_t present = std::uint64_t{1} << 63, of_file = std::uint64_t{1} << 61;
    return (entry & present) != 0 && (entry & of_file) == 0;
}

}  // namespace

void WorkingSet::find() {
    Lines maps("/proc/self/maps");
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    while (const char* line = maps.is_open() ? maps.next() : nullptr) {
        char* end;
        auto first = std::strtoull(line, &end, 16);
        if (*end != '-')
            continue;
        auto last = std::strtoull(end + 1, &end, 16);
        // "rw-p"
        if (*end == ' ' && end[1] == 'r' && end[2] == 'w' && end[4] == 'p')
            add_written(reinterpret_cast<std::byte*>(first), reinterpret_cast<std::byte*>(last),
                        pagemap);
    }
    if (pagemap >= 0)
        close(pagemap);
}

void WorkingSet::add_code(const void* address) {
    if (code_count_ < code_.size())
        code_[code_count_++] = address;
}

void WorkingSet::populate() const {
    for (std::size_t i = 0; i < run_count_; ++i)
        madvise(runs_[i].begin, runs_[i].size, MADV_POPULATE_WRITE);
    for (std::size_t i = 0; i < code_count_; ++i)
        static_cast<void>(*static_cast<const volatile char*>(code_[i]));
}

void WorkingSet::add_written(std::byte* begin, std::byte* end, int pagemap) {
    std::size_t found = 0;
    std::uint64_t entries[512];
    for (std::byte* at = begin; at < end;) {
        std::size_t count = static_cast<std::size_t>(end - at) / page_size;
        if (count > std::size(entries))
            count = std::size(entries);
        auto offset = static_cast<off_t>(reinterpret_cast<std::uintptr_t>(at) / page_size *
                                         sizeof(std::uint64_t));
        if (pread(pagemap, entries, count * sizeof(entries[0]), offset) !=
            static_cast<ssize_t>(count * sizeof(entries[0])))
            return;
        for (std::size_t i = 0; i < count; ++i, at += page_size) {
            if (!is_own(entries[i]))
                continue;
            bool continues =
                run_count_ != 0 && runs_[run_count_ - 1].begin + runs_[run_count_ - 1].size == at;
            if (++found > max_pages_of_mapping || (!continues && run_count_ == max_runs))
                return;
            if (continues)
                runs_[run_count_ - 1].size += page_size;
            else
                runs_[run_count_++] = {at, page_size};
        }
    }
}

}  // namespace spawntpl::warm
