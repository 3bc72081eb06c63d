// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace spawntpl::detail {

/// Buffers for reads from pipes, used again and again.
class ReadBuffers {
public:
    using Buffer = std::unique_ptr<char[]>;

    /// Pages of it that no read writes to cost nothing.
    static constexpr std::size_t size = 16384;

    Buffer take() {
        if (spare_.empty()) {
            spare_.reserve(most_spare);
            return std::make_unique_for_overwrite<char[]>(size);
        }
        Buffer buffer = std::move(spare_.back());
        spare_.pop_back();
        return buffer;
    }

    /// It may be none. Needs no memory.
    void give_back(Buffer buffer) noexcept {
        if (buffer && spare_.size() < most_spare)
            spare_.push_back(std::move(buffer));
    }

private:
    static constexpr std::size_t most_spare = 64;

    std::vector<Buffer> spare_;
};

}  // namespace spawntpl::detail
