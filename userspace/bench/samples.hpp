// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#include <sys/mman.h>

namespace spawntpl::bench {

/// Memory that a forked child does not get: else the page that a sample is written to would have to
/// be copied after each fork, and the method be charged with it.
template <typename T>
struct NotForked {
    using value_type = T;

    T* allocate(std::size_t count) {
        void* memory = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            throw std::bad_alloc();
        madvise(memory, count * sizeof(T), MADV_DONTFORK);
        return static_cast<T*>(memory);
    }

    void deallocate(T* memory, std::size_t count) noexcept { munmap(memory, count * sizeof(T)); }

    bool operator==(const NotForked&) const = default;
};

using Samples = std::vector<std::int64_t, NotForked<std::int64_t>>;

}  // namespace spawntpl::bench
