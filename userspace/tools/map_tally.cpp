// SPDX-License-Identifier: MIT
#include "map_tally.hpp"

#include <algorithm>

namespace spawntpl::tools {

namespace {

constexpr std::size_t most_listed = 10;

std::string listed(std::vector<std::uint64_t> numbers) {
    std::ranges::sort(numbers);
    std::string text;
    for (std::size_t i = 0; i < std::min(numbers.size(), most_listed); ++i)
        text.append(i == 0 ? " (" : ", ").append(std::to_string(numbers[i]));
    if (!text.empty())
        text += numbers.size() > most_listed ? ", ...)" : ")";
    return text;
}

}  // namespace

std::string Tally::text() const {
    return std::to_string(done) + " jobs done, " + std::to_string(failed) + " of them failed; " +
           std::to_string(stopped.size()) + " ended" + listed(stopped) + "; " +
           std::to_string(not_started.size()) + " not started" + listed(not_started);
}

}  // namespace spawntpl::tools
