// SPDX-License-Identifier: MIT
#include "process_generation.hpp"

#include <atomic>

#include <sys/mman.h>
#include <unistd.h>

namespace spawntpl::detail {

// By memory that a fork leaves empty.
std::uint64_t process_generation() {
    static std::atomic<std::uint64_t>* const here = [] {
        constexpr std::size_t size = 4096;
        void* page =
            mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
            return static_cast<std::atomic<std::uint64_t>*>(nullptr);
        if (madvise(page, size, MADV_WIPEONFORK) != 0) {
            munmap(page, size);
            page = nullptr;
        }
        return static_cast<std::atomic<std::uint64_t>*>(page);
    }();
    static std::atomic<std::uint64_t> last = 0;
    if (!here)
        return static_cast<std::uint64_t>(getpid());
    std::uint64_t generation = here->load();
    if (generation == 0 && here->compare_exchange_strong(generation, last + 1))
        generation = ++last;
    return generation;
}

}  // namespace spawntpl::detail
