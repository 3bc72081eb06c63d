// SPDX-License-Identifier: MIT
#include "working_set.hpp"

#include "lines.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace spawntpl::warm {

namespace {

constexpr std::size_t page_size = 4096;

/// What the kernel maps of a file at once, where a part of it is looked at.
constexpr std::size_t window_size = 16 * page_size;

// Of the entries of /proc/PID/pagemap.
constexpr std::uint64_t present = std::uint64_t{1} << 63, of_file = std::uint64_t{1} << 61;

/// Whether the entry is of a page that the process has alone.
bool is_own(std::uint64_t entry) {
    return (entry & present) != 0 && (entry & of_file) == 0;
}

/// Reads the entries of @p count pages. False if that fails.
bool read_entries(int pagemap, const std::byte* first, std::uint64_t* entries, std::size_t count) {
    auto offset = static_cast<off_t>(reinterpret_cast<std::uintptr_t>(first) / page_size *
                                     sizeof(std::uint64_t));
    auto size = static_cast<ssize_t>(count * sizeof(entries[0]));
    return pread(pagemap, entries, count * sizeof(entries[0]), offset) == size;
}

/// Whether a page from @p begin to @p end, which are in one window, is there.
bool is_any_present(int pagemap, const std::byte* begin, const std::byte* end) {
    std::uint64_t entries[window_size / page_size];
    std::size_t count = static_cast<std::size_t>(end - begin) / page_size;
    if (!read_entries(pagemap, begin, entries, count))
        return false;
    for (std::size_t i = 0; i < count; ++i)
        if (entries[i] & present)
            return true;
    return false;
}

/// A line of /proc/PID/maps.
struct Mapping {
    std::byte* begin;
    std::byte* end;
    const char* rights;  ///< as "rw-p"
    std::uint64_t offset;
    std::uint64_t inode;  ///< 0 if it is of no file

    explicit Mapping(const char* line) {
        char* at;
        begin = reinterpret_cast<std::byte*>(std::strtoull(line, &at, 16));
        end = reinterpret_cast<std::byte*>(std::strtoull(at + (*at == '-'), &at, 16));
        rights = at + (*at == ' ');
        while (*at && std::strchr(" rwxps-", *at))
            ++at;
        offset = std::strtoull(at, &at, 16);
        // The device is two numbers.
        std::strtoull(at, &at, 16);
        std::strtoull(at + (*at == ':'), &at, 16);
        inode = std::strtoull(at, nullptr, 10);
    }

    std::size_t size() const { return static_cast<std::size_t>(end - begin); }

    /// The first rights are these.
    bool has(const char* wanted) const { return std::strncmp(rights, wanted, 3) == 0; }
};

}  // namespace

void WorkingSet::find() {
    Lines maps("/proc/self/maps");
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    std::uint64_t object = 0;
    while (const char* line = maps.is_open() ? maps.next() : nullptr) {
        Mapping mapping(line);
        // An object's other mappings follow that of its header.
        if (mapping.inode != 0 && mapping.offset == 0 && mapping.rights[0] == 'r' &&
            (!is_any_present(pagemap, mapping.begin, mapping.begin + page_size) ||
             std::memcmp(mapping.begin, ELFMAG, SELFMAG) == 0))
            object = mapping.inode;
        if (mapping.has("rw-") && mapping.rights[3] == 'p')
            add_written(mapping.begin, mapping.end, pagemap);
        else if (mapping.has("r--") && mapping.inode != 0 && mapping.inode != object)
            add_read(mapping.begin, mapping.end, pagemap);
        else if (mapping.has("r-x") && mapping.size() <= max_code_size &&
                 has_code(mapping.begin, mapping.end))
            read_.add(mapping.begin, mapping.size());
    }
    if (pagemap >= 0)
        close(pagemap);
}

void WorkingSet::add_code(const void* address) {
    if (code_count_ < code_.size())
        code_[code_count_++] = address;
}

bool WorkingSet::has_code(const std::byte* begin, const std::byte* end) const {
    for (std::size_t i = 0; i < code_count_; ++i)
        if (code_[i] >= begin && code_[i] < end)
            return true;
    return false;
}

void WorkingSet::populate() const {
    written_.populate(MADV_POPULATE_WRITE);
    read_.populate(MADV_POPULATE_READ);
    for (std::size_t i = 0; i < code_count_; ++i)
        static_cast<void>(*static_cast<const volatile char*>(code_[i]));
}

bool WorkingSet::Runs::add(std::byte* begin, std::size_t size) {
    if (count_ != 0 && runs_[count_ - 1].begin + runs_[count_ - 1].size == begin) {
        runs_[count_ - 1].size += size;
        return true;
    }
    if (count_ == runs_.size())
        return false;
    runs_[count_++] = {begin, size};
    return true;
}

void WorkingSet::Runs::populate(int advice) const {
    for (std::size_t i = 0; i < count_; ++i)
        madvise(runs_[i].begin, runs_[i].size, advice);
}

void WorkingSet::add_written(std::byte* begin, std::byte* end, int pagemap) {
    std::size_t found = 0;
    std::uint64_t entries[512];
    for (std::byte* at = begin; at < end;) {
        std::size_t count = static_cast<std::size_t>(end - at) / page_size;
        if (count > std::size(entries))
            count = std::size(entries);
        if (!read_entries(pagemap, at, entries, count))
            return;
        for (std::size_t i = 0; i < count; ++i, at += page_size)
            if (is_own(entries[i]) &&
                (++found > max_pages_of_mapping || !written_.add(at, page_size)))
                return;
    }
}

void WorkingSet::add_read(std::byte* begin, std::byte* end, int pagemap) {
    std::size_t found = 0;
    for (std::byte* at = begin; at < end;) {
        std::size_t into = reinterpret_cast<std::uintptr_t>(at) % window_size;
        std::byte* next = at + (window_size - into);
        if (next > end)
            next = end;
        if (is_any_present(pagemap, at, next) &&
            (++found > max_windows_of_mapping ||
             !read_.add(at, static_cast<std::size_t>(next - at))))
            return;
        at = next;
    }
}

}  // namespace spawntpl::warm
