// SPDX-License-Identifier: MIT
#pragma once

#include "redirected.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

namespace spawntpl::bench {

/// What of the starting process can make a start expensive.
struct ParentShape {
    std::uint64_t fds;      ///< open descriptors, all but 0 to 2 close-on-exec
    std::uint64_t rss_mib;  ///< touched memory, in small pages
    std::uint64_t env;      ///< environment variables

    bool operator==(const ParentShape&) const = default;
};

inline constexpr ParentShape ordinary_parent{.fds = 10, .rss_mib = 0, .env = 20};

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

    std::expected<void, std::string> touch_memory(std::uint64_t mib);
    std::expected<void, std::string> fill_descriptors(std::uint64_t count);
    void set_environment(std::uint64_t count);

    detail::UniqueFd null_;
    Redirected input_;
    Redirected output_;
    std::vector<detail::UniqueFd> fds_;
    void* memory_ = nullptr;
    std::size_t memory_size_ = 0;
    std::vector<std::string> variables_;
    std::vector<char*> environment_;
    char** saved_environment_;
};

}  // namespace spawntpl::bench
