// SPDX-License-Identifier: MIT
#include "working_set.hpp"

#include "lines.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

namespace spawntpl::warm {

namespace {

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
            add_windows(mapping.begin, mapping.end);
        else if (mapping.has("r-x") && mapping.inode != 0)
            add_ends(mapping.begin, mapping.end);
    }
    if (pagemap >= 0)
        close(pagemap);
}

void WorkingSet::learn(std::span<std::byte* const> pages) {
    Lines maps("/proc/self/maps");
    if (!maps.is_open())
        return;
    written_ = {};
    read_ = {};
    code_ = {};
    std::size_t written = 0;
    while (const char* line = maps.next()) {
        Mapping mapping(line);
        const bool is_private = mapping.rights[3] == 'p';
        for (std::byte* page : pages)
            if (page < mapping.begin || page >= mapping.end)
                continue;
            else if (mapping.has("rw-") && is_private && written < max_pages_learned)
                written += add_written(page);
            else if ((mapping.has("r--") || mapping.has("r-x")) && mapping.inode != 0)
                read_.add(page);
    }
}

void WorkingSet::add_code(const void* address) {
    code_.add(static_cast<const std::byte*>(address));
}

bool WorkingSet::has_code(const std::byte* begin, const std::byte* end) const {
    for (const std::byte* address : code_)
        if (address >= begin && address < end)
            return true;
    return false;
}

/// Not by madvise(2), which looks at each page for itself afterwards. A file that has been cut
/// short ends the child here, before it has a request.
void WorkingSet::populate() const {
    for (const Run& run : written_)
        for (std::size_t at = 0; at < run.size; at += page_size) {
            volatile std::byte& byte = run.begin[at];
            byte = byte;
        }
    auto look_at = [](const std::byte* address) {
        static_cast<void>(*const_cast<const volatile std::byte*>(address));
    };
    for (const std::byte* address : read_)
        look_at(address);
    for (const std::byte* address : code_)
        look_at(address);
}

/// False if there is no room.
bool WorkingSet::add_written(std::byte* page) {
    if (Run* last = written_.last(); last && last->begin + last->size == page) {
        last->size += page_size;
        return true;
    }
    return written_.add({page, page_size});
}

void WorkingSet::add_windows(const std::byte* begin, const std::byte* end) {
    // The first one begins with the mapping, and is as long as the others.
    for (const std::byte* at = begin; at < end && read_.add(at);) {
        std::size_t into = at == begin ? 0 : reinterpret_cast<std::uintptr_t>(at) % window_size;
        at += window_size - into;
    }
}

/// Where the linker puts what runs at an object's end: exit(3) comes there, if nobody else does.
void WorkingSet::add_ends(const std::byte* begin, const std::byte* end) {
    read_.add(begin);
    if (end - begin > static_cast<std::ptrdiff_t>(window_size))
        read_.add(end - page_size);
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
            if (is_own(entries[i]) && (++found > max_pages_of_mapping || !add_written(at)))
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
            (++found > max_windows_of_mapping || !read_.add(at)))
            return;
        at = next;
    }
}

}  // namespace spawntpl::warm
