// SPDX-License-Identifier: MIT
//
// What the benchmark can be asked.
#pragma once

#include "group.hpp"
#include "selection.hpp"

#include <span>
#include <string_view>
#include <vector>

namespace spawntpl::bench {

struct Question {
    std::string_view name;
    std::string_view description;
    std::vector<Group> (*groups)(const Selection& selection);
    /// It is asked only by its name: it takes long, or its figures are no instruction counts.
    bool on_request = false;
};

std::span<const Question> questions();

/// What the selection asks for: questions by name, combinations of a parent's properties, or what
/// is usual.
std::vector<Group> groups(const Selection& selection);

/// The methods of a selection, or all but those of @p leave_out.
std::vector<Entry> chosen_entries(const Selection& selection,
                                  std::span<const std::string_view> leave_out = {});

/// Samples of each method where starts are cheap.
std::uint64_t usual_count(const Selection& selection);

/// The value, or fewer where little time may pass.
std::uint64_t usual_count(const Selection& selection, std::uint64_t count);

}  // namespace spawntpl::bench
