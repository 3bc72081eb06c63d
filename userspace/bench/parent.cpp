// SPDX-License-Identifier: MIT
#include "parent.hpp"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace spawntpl::bench {

namespace {

// The capacity of the descriptor table comes in powers of two; the methods open some of their own.
constexpr std::uint64_t spare_descriptors = 64;

// The size of a typical variable.
constexpr std::size_t variable_size = 40;

std::unexpected<std::string> failure(const std::string& what) {
    return std::unexpected(what + ": " + std::generic_category().message(errno));
}

std::size_t page_size() {
    return static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

void sleep_until_stopped(std::stop_token stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any().wait(lock, stop, [] { return false; });
}

std::uint64_t open_descriptors() {
    std::filesystem::directory_iterator listing("/proc/self/fd");
    // One of them is the listing's own.
    return static_cast<std::uint64_t>(std::distance(begin(listing), end(listing))) - 1;
}

/// Memory of this process that is on huge pages.
std::uint64_t huge_page_mib() {
    std::ifstream rollup("/proc/self/smaps_rollup");
    for (std::string key; rollup >> key;)
        if (std::uint64_t kib; key == "AnonHugePages:" && rollup >> kib)
            return kib / 1024;
    return 0;
}

std::expected<void, std::string> raise_descriptor_limit(std::uint64_t count) {
    rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= count)
        return {};
    limit.rlim_cur = count;
    limit.rlim_max = std::max(limit.rlim_max, limit.rlim_cur);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return failure("cannot raise the limit of open descriptors to " + std::to_string(count));
    return {};
}

const std::vector<ParentProperty> properties{
    {"fds",
     "--fds",
     &ParentShape::fds,
     {10, 100, 1'000, 10'000, 100'000},
     10'000,
     1,
     1'000'000,
     "Open descriptors of the parent, all but 0 to 2 close-on-exec"},
    {"rss",
     "--rss-mib",
     &ParentShape::rss_mib,
     {0, 10, 100, 500, 1'024, 5'120},
     100,
     0,
     1'000'000,
     "Memory that the parent has touched, in small pages"},
    {"env",
     "--env",
     &ParentShape::env,
     {10, 50, 250, 1'000},
     1'000,
     0,
     100'000,
     "Environment variables"},
    {"mappings",
     "--mappings",
     &ParentShape::mappings,
     {0, 200, 2'000},
     200,
     0,
     60'000,
     "Memory mappings of the parent beside its own"},
    {"threads",
     "--threads",
     &ParentShape::threads,
     {1, 8, 64},
     64,
     1,
     10'000,
     "Threads of the parent, all but one asleep"},
};

}  // namespace

std::span<const ParentProperty> parent_properties() {
    return properties;
}

std::uint64_t available_mib() {
    std::ifstream file("/proc/meminfo");
    for (std::string key; file >> key;)
        if (std::uint64_t kib; key == "MemAvailable:" && file >> kib)
            return kib / 1024;
    return 0;
}

std::expected<void, std::string> check_memory(std::uint64_t mib) {
    if (std::uint64_t available = available_mib(); mib > available)
        return std::unexpected("cannot touch " + std::to_string(mib) +
                               " MiB: " + std::to_string(available) + " MiB are available");
    return {};
}

Memory::Memory(std::size_t size) : size_(size) {
    void* start = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start != MAP_FAILED)
        start_ = start;
}

Memory::Memory(Memory&& other) noexcept
    : start_(std::exchange(other.start_, nullptr)), size_(other.size_) {}

Memory& Memory::operator=(Memory&& other) noexcept {
    std::swap(start_, other.start_);
    std::swap(size_, other.size_);
    return *this;
}

Memory::~Memory() {
    if (start_)
        munmap(start_, size_);
}

Parent::Parent()
    : null_(open("/dev/null", O_RDWR | O_CLOEXEC)),
      input_(STDIN_FILENO, null_.get()),
      output_(STDOUT_FILENO, null_.get()),
      saved_environment_(environ) {}

Parent::~Parent() {
    environ = saved_environment_;
}

std::expected<std::unique_ptr<Parent>, std::string> Parent::make(const ParentShape& shape) {
    std::unique_ptr<Parent> parent(new Parent);
    parent->set_environment(shape.env);
    if (auto touched = parent->touch_memory(shape.rss_mib, shape.huge_pages); !touched)
        return std::unexpected(touched.error());
    if (auto mapped = parent->add_mappings(shape.mappings); !mapped)
        return std::unexpected(mapped.error());
    if (auto filled = parent->fill_descriptors(shape.fds); !filled)
        return std::unexpected(filled.error());
    if (auto added = parent->add_threads(shape.threads - 1); !added)
        return std::unexpected(added.error());
    return parent;
}

std::uint64_t Parent::mappings() {
    std::ifstream maps("/proc/self/maps");
    return static_cast<std::uint64_t>(
        std::count(std::istreambuf_iterator(maps), std::istreambuf_iterator<char>(), '\n'));
}

std::expected<void, std::string> Parent::touch_memory(std::uint64_t mib, bool huge_pages) {
    if (mib == 0)
        return {};
    if (auto room = check_memory(mib); !room)
        return room;
    touched_ = Memory(mib << 20);
    if (!touched_)
        return failure("cannot map " + std::to_string(mib) + " MiB");
    // Unless they are asked for: they would make the size depend on what the system finds free. A
    // kernel without them needs no telling.
    madvise(touched_.start(), touched_.size(), huge_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    for (std::size_t offset = 0; offset < touched_.size(); offset += page_size())
        static_cast<volatile char*>(touched_.start())[offset] = 1;
    // The ends of the memory are on small ones.
    if (std::uint64_t huge = huge_page_mib(); huge_pages && huge + 4 < mib)
        return std::unexpected("the system gave huge pages for " + std::to_string(huge) + " of " +
                               std::to_string(mib) + " MiB");
    return {};
}

std::expected<void, std::string> Parent::add_mappings(std::uint64_t count) {
    if (count == 0)
        return {};
    mapped_ = Memory(count * page_size());
    if (!mapped_)
        return failure("cannot make " + std::to_string(count) + " mappings");
    // Neighbours with different rights stay mappings of their own.
    for (std::uint64_t i = 0; i < count; i += 2)
        if (mprotect(mapped_.start() + i * page_size(), page_size(), PROT_READ) != 0)
            return failure("cannot make " + std::to_string(count) + " mappings");
    return {};
}

std::expected<void, std::string> Parent::add_threads(std::uint64_t count) try {
    for (std::uint64_t i = 0; i < count; ++i)
        threads_.emplace_back(sleep_until_stopped);
    return {};
} catch (const std::system_error& error) {
    return std::unexpected("cannot start " + std::to_string(count) + " threads: " + error.what());
}

std::expected<void, std::string> Parent::fill_descriptors(std::uint64_t count) {
    std::uint64_t open = open_descriptors();
    if (open > count)
        return std::unexpected("this process cannot have as few as " + std::to_string(count) +
                               " open descriptors: it needs " + std::to_string(open));
    if (auto raised = raise_descriptor_limit(count + spare_descriptors); !raised)
        return raised;
    fds_.reserve(count - open);
    for (; open < count; ++open) {
        Fd fd(fcntl(null_.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
        if (!fd)
            return failure("cannot open " + std::to_string(count) + " descriptors");
        fds_.push_back(std::move(fd));
    }
    return {};
}

void Parent::set_environment(std::uint64_t count) {
    const char* path = std::getenv("PATH");
    variables_ = {"PATH=" + std::string(path ? path : "/usr/bin:/bin"), "HOME=/", "LC_ALL=C"};
    variables_.resize(count);
    for (std::uint64_t i = 3; i < count; ++i) {
        variables_[i] = "SPAWNTPL_VARIABLE_" + std::to_string(i) + "=";
        variables_[i].resize(variable_size, 'x');
    }
    for (std::string& variable : variables_)
        environment_.push_back(variable.data());
    environment_.push_back(nullptr);
    environ = environment_.data();
}

}  // namespace spawntpl::bench
