// SPDX-License-Identifier: MIT
//
// What the benchmark can be asked.
#pragma once

#include "group.hpp"
#include "selection.hpp"

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace spawntpl::bench {

struct Question {
    std::string_view name;
    std::string_view description;
    std::vector<Group> (*groups)(const Selection& selection);
    /// It is asked only by its name: it takes long, or its figures are no instruction counts.
    bool on_request = false;
    /// Which methods it can be asked about; null: all.
    bool (*takes_method)(std::string_view method) = nullptr;
    bool takes_program = true;
    bool takes_parent = true;  ///< what parent_properties() says can be chosen
};

std::span<const Question> questions();

/// Names what was chosen and a question does not take: nothing that is asked for is left out.
std::expected<void, std::string> check(const Selection& selection);

/// What the selection asks for: questions by name, combinations of a parent's properties, or what
/// is usual.
std::vector<Group> groups(const Selection& selection);

/// The methods of a selection, or all that a question takes.
std::vector<Entry> chosen_entries(const Selection& selection,
                                  bool (*takes_method)(std::string_view method) = nullptr);

/// Samples of each method where starts are cheap.
std::uint64_t usual_count(const Selection& selection);

/// The value, or fewer where little time may pass.
std::uint64_t usual_count(const Selection& selection, std::uint64_t count);

}  // namespace spawntpl::bench
