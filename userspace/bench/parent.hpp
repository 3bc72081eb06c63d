// SPDX-License-Identifier: MIT
#pragma once

#include "redirected.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace spawntpl::bench {

/// What of the starting process can make a start expensive.
struct ParentShape {
    std::uint64_t fds;        ///< open descriptors, all but 0 to 2 close-on-exec
    std::uint64_t rss_mib;    ///< touched memory, in small pages
    std::uint64_t env;        ///< environment variables
    std::uint64_t mappings;   ///< memory mappings beside those that it has anyway
    std::uint64_t threads;    ///< of which one starts programs and the others sleep
    bool huge_pages = false;  ///< the touched memory is on huge pages, or there is no such parent

    bool operator==(const ParentShape&) const = default;
};

inline constexpr ParentShape ordinary_parent{
    .fds = 10, .rss_mib = 0, .env = 20, .mappings = 0, .threads = 1};

/// One member of ParentShape, and the question that varies it.
struct ParentProperty {
    std::string_view question;
    std::string_view option;  ///< of the command line
    std::uint64_t ParentShape::*member;
    std::vector<std::uint64_t> values;  ///< that show what it does
    std::uint64_t few_up_to;            ///< the largest of them where time is short
    std::uint64_t min;
    std::uint64_t max;
    std::string_view help;
};

std::span<const ParentProperty> parent_properties();

/// Memory that this system could give to a parent now.
std::uint64_t available_mib();

/// Says why a parent cannot touch so much, before the system ends some program to make room for it.
std::expected<void, std::string> check_memory(std::uint64_t mib);

/// Anonymous memory that is given back in the end.
class Memory {
public:
    Memory() = default;
    explicit Memory(std::size_t size);
    Memory(Memory&& other) noexcept;
    Memory& operator=(Memory&& other) noexcept;
    ~Memory();

    explicit operator bool() const { return start_ != nullptr; }
    char* start() const { return static_cast<char*>(start_); }
    std::size_t size() const { return size_; }

private:
    void* start_ = nullptr;
    std::size_t size_ = 0;
};

/// Makes this process such a parent for as long as it exists. Descriptors 0 and 1 are /dev/null.
class Parent {
public:
    static std::expected<std::unique_ptr<Parent>, std::string> make(const ParentShape& shape);

    Parent(const Parent&) = delete;
    ~Parent();

    /// Memory mappings of this process, as they are now.
    static std::uint64_t mappings();

private:
    Parent();

    std::expected<void, std::string> touch_memory(std::uint64_t mib, bool huge_pages);
    std::expected<void, std::string> add_mappings(std::uint64_t count);
    std::expected<void, std::string> add_threads(std::uint64_t count);
    std::expected<void, std::string> fill_descriptors(std::uint64_t count);
    void set_environment(std::uint64_t count);

    Fd null_;
    Redirected input_;
    Redirected output_;
    std::vector<Fd> fds_;
    Memory touched_;
    Memory mapped_;
    std::vector<std::jthread> threads_;
    std::vector<std::string> variables_;
    std::vector<char*> environment_;
    char** saved_environment_;
};

}  // namespace spawntpl::bench
