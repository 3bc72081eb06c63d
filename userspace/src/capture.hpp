// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace spawntpl::detail {

/// Keeps of a child's output what there is room for up to @p limit; returns how many bytes more
/// there were.
inline std::size_t capture(std::string& kept, std::string_view more, std::size_t limit) {
    std::size_t room = limit - std::min(limit, kept.size());
    kept.append(more.substr(0, room));
    return more.size() - std::min(more.size(), room);
}

}  // namespace spawntpl::detail
