// SPDX-License-Identifier: MIT
//
// What is compared with each other: several ways to start one program from one parent.
#pragma once

#include "methods.hpp"
#include "outcome.hpp"

#include <functional>
#include <string>
#include <vector>

namespace spawntpl::bench {

/// One way, by the name that its results have. See Method.
struct Entry {
    std::string name;
    std::function<PreparedRunner(const Invocation&)> prepare;
    bool prepared_early = false;
};

Entry entry_of(const Method& method);

struct Group {
    std::string question;
    std::string program;
    ParentShape parent = ordinary_parent;
    bool parent_is_chosen = false;  ///< by an option: it must be possible
    std::uint64_t count = 0;        ///< samples of each
    /// Of one entry, before it is the next one's turn; 0: see samples_per_turn().
    std::uint64_t in_a_row = 0;
    std::string variant{};  ///< what else distinguishes it from the others of its question
    std::string name{};     ///< see Invocation
    EnvironmentUse environment = EnvironmentUse::inherited;
    std::string path{};  ///< PATH of the parent, unless empty
    std::vector<Entry> entries{};
    nlohmann::ordered_json extra = nlohmann::ordered_json::object();  ///< members of its results
    /// What is to be added to the results, if anything.
    std::function<void(std::vector<Outcome>&)> finish{};
};

/// Measures all entries, in turns. @p round_done is called after each of @ref rounds.
std::vector<Outcome> measure(const Group& group, const std::function<void()>& round_done);

/// How often measure() calls.
std::uint64_t rounds(const Group& group);

/// For people.
std::string describe(const Group& group);

}  // namespace spawntpl::bench
