// SPDX-License-Identifier: MIT
#include "parent.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

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

std::uint64_t open_descriptors() {
    std::filesystem::directory_iterator listing("/proc/self/fd");
    // One of them is the listing's own.
    return static_cast<std::uint64_t>(std::distance(begin(listing), end(listing))) - 1;
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

}  // namespace

Parent::Parent()
    : null_(open("/dev/null", O_RDWR | O_CLOEXEC)),
      input_(STDIN_FILENO, null_.get()),
      output_(STDOUT_FILENO, null_.get()),
      saved_environment_(environ) {}

Parent::~Parent() {
    environ = saved_environment_;
    if (memory_)
        munmap(memory_, memory_size_);
}

std::expected<std::unique_ptr<Parent>, std::string> Parent::make(const ParentShape& shape) {
    std::unique_ptr<Parent> parent(new Parent);
    parent->set_environment(shape.env);
    if (auto touched = parent->touch_memory(shape.rss_mib); !touched)
        return std::unexpected(touched.error());
    if (auto filled = parent->fill_descriptors(shape.fds); !filled)
        return std::unexpected(filled.error());
    return parent;
}

std::uint64_t Parent::mappings() {
    std::ifstream maps("/proc/self/maps");
    return static_cast<std::uint64_t>(
        std::count(std::istreambuf_iterator(maps), std::istreambuf_iterator<char>(), '\n'));
}

std::expected<void, std::string> Parent::touch_memory(std::uint64_t mib) {
    if (mib == 0)
        return {};
    std::size_t size = mib << 20;
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return failure("cannot map " + std::to_string(mib) + " MiB");
    memory_ = memory;
    memory_size_ = size;
    // Huge pages would make the size depend on what the system finds free. A kernel without them
    // needs no telling.
    madvise(memory_, memory_size_, MADV_NOHUGEPAGE);
    auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    for (std::size_t offset = 0; offset < memory_size_; offset += page)
        static_cast<volatile char*>(memory_)[offset] = 1;
    return {};
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
        detail::UniqueFd fd(fcntl(null_.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
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
