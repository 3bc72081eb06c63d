// SPDX-License-Identifier: MIT
#include "questions.hpp"

#include "agent.hpp"
#include "parallel.hpp"
#include "path_search.hpp"
#include "programs.hpp"
#include "trade.hpp"

#include <algorithm>
#include <array>

namespace spawntpl::bench {

namespace {

// Above it, as much again would not fit beside it, for the parents that are processes of their own.
constexpr std::uint64_t part_of_memory = 4;

// Of the usual 200 samples as few as have a confidence interval.
constexpr std::uint64_t quick_part = 16;

// A machine is faster and slower for seconds at a time: of longer loops a method would have met its
// own part of that. Of shorter ones it would be asked what 'start' is.
constexpr std::uint64_t most_in_a_row = 50;

std::vector<std::string> chosen_programs(const Selection& selection, bool all) {
    if (!selection.programs.empty())
        return selection.programs;
    if (!all)
        return {"nolibc"};
    std::vector<std::string> names;
    for (const Program& program : programs())
        names.push_back(program.name);
    return names;
}

/// Every combination of the chosen values.
std::vector<ParentShape> chosen_parents(const Selection& selection) {
    std::vector<ParentShape> parents{ordinary_parent};
    for (std::size_t i = 0; i < selection.properties.size(); ++i) {
        if (selection.properties[i].empty())
            continue;
        std::vector<ParentShape> varied;
        for (ParentShape parent : parents)
            for (std::uint64_t value : selection.properties[i]) {
                parent.*parent_properties()[i].member = value;
                varied.push_back(parent);
            }
        parents = std::move(varied);
    }
    return parents;
}

/// Counting is slow and needs no large values to see a slope; memory is what there is.
bool is_usual(const ParentProperty& property, std::uint64_t value, const Selection& selection) {
    bool few = selection.unit == Unit::instructions || selection.quick;
    if (few && value > property.few_up_to)
        return false;
    return property.member != &ParentShape::rss_mib || value < available_mib() / part_of_memory;
}

std::vector<Group> combinations(const Selection& selection, std::string_view question,
                                bool all_programs) {
    bool is_chosen = std::ranges::any_of(selection.properties,
                                         [](const auto& values) { return !values.empty(); });
    std::vector<Group> groups;
    for (const std::string& program : chosen_programs(selection, all_programs))
        for (const ParentShape& parent : chosen_parents(selection))
            groups.push_back({.question = std::string(question),
                              .program = program,
                              .parent = parent,
                              .parent_is_chosen = is_chosen,
                              .count = usual_count(selection),
                              .entries = chosen_entries(selection)});
    return groups;
}

std::vector<Group> programs_groups(const Selection& selection) {
    return combinations(selection, "start", true);
}

/// With more starts rates and tails become what they are for a program that starts many in a row.
std::vector<Group> starts_groups(const Selection& selection) {
    std::vector<Group> groups;
    for (std::uint64_t starts : {1'000, 5'000, 25'000}) {
        if ((selection.quick || selection.unit == Unit::instructions) && starts > 1'000)
            break;
        for (Group& group : combinations(selection, "starts", false)) {
            group.count = selection.count ? selection.count : starts;
            // At least as many turns as an interval needs.
            group.in_a_row = std::min(most_in_a_row, (group.count + least_turns - 1) / least_turns);
            group.extra = {{"starts", group.count}, {"in_a_row", group.in_a_row}};
            groups.push_back(std::move(group));
        }
        if (selection.count)
            break;
    }
    return groups;
}

template <std::size_t index>
std::vector<Group> property_groups(const Selection& selection) {
    const ParentProperty& property = parent_properties()[index];
    Selection varied = selection;
    if (varied.properties[index].empty())
        std::ranges::copy_if(
            property.values, std::back_inserter(varied.properties[index]),
            [&](std::uint64_t value) { return is_usual(property, value, selection); });
    std::vector<Group> groups = combinations(varied, property.question, false);
    // Values that nobody chose are tried as far as the system allows them.
    if (selection.properties[index].empty())
        for (Group& group : groups)
            group.parent_is_chosen = false;
    return groups;
}

template <std::size_t count>
bool is_one_of(const std::array<std::string_view, count>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

/// An environment can be handed to a template beforehand; beside them what ratios refer to.
bool can_be_prepared(std::string_view method) {
    return is_one_of(reference_methods, method) ||
           is_one_of<6>(
               {"lib-posix_spawn", "clone3", "warm", "kernel-warm", "kernel", "kernel-nowait"},
               method);
}

bool can_change(std::string_view method) {
    // A server's children all have its own.
    return !is_one_of(floor_methods, method) && method != "fork-server";
}

std::vector<Group> environment_groups(const Selection& selection) {
    std::vector<Group> groups = property_groups<2>(selection);
    // The rest is for who wants to know.
    if (selection.questions.empty() || selection.quick)
        return groups;
    const std::size_t inherited = groups.size();
    for (bool prepared : {false, true})
        for (std::size_t i = 0; i < inherited; ++i) {
            Group group = groups[i];
            group.environment = prepared ? EnvironmentUse::prepared : EnvironmentUse::changed;
            group.variant = prepared ? "prepared" : "changed";
            std::erase_if(group.entries, [&](const Entry& entry) {
                return prepared ? !can_be_prepared(entry.name) : !can_change(entry.name);
            });
            groups.push_back(std::move(group));
        }
    return groups;
}

constexpr std::array table{
    Question{"start", "each program, from an ordinary parent", programs_groups},
    Question{"starts", "1,000 to 25,000 starts, many in a row: rates and tails", starts_groups,
             true},
    Question{"fds", "open descriptors of the parent", property_groups<0>},
    Question{"rss", "touched memory of the parent", property_groups<1>},
    Question{"env", "environment: its size, inherited, changed or prepared", environment_groups},
    Question{"mappings", "memory mappings of the parent", property_groups<3>},
    Question{"threads", "sleeping threads of the parent", property_groups<4>},
    Question{"path", "a bare name, searched in PATH, against an absolute path", path_groups, true,
             can_search, false, false},
    Question{"parallel", "several threads that start, a supervisor, a batch", parallel_groups, true,
             can_start_in_threads, false, false},
    Question{"agent", "a mix of tools with pipes and directories, by workers", agent_groups, true,
             is_agent_method, false, false},
    Question{"template", "what a template costs, and after how many starts it pays", trade_groups,
             true, [](std::string_view) { return false; }, true, false},
};

const Question& find_question(std::string_view name) {
    return *std::ranges::find(table, name, &Question::name);
}

/// The first option that the question does not take, as it was written; or empty.
std::string refused(const Question& question, const Selection& selection) {
    for (const std::string& method : selection.methods)
        if (question.takes_method && !question.takes_method(method))
            return "--method " + method;
    if (!question.takes_program && !selection.programs.empty())
        return "--program " + selection.programs.front();
    for (std::size_t i = 0; i < selection.properties.size(); ++i)
        if (!question.takes_parent && !selection.properties[i].empty())
            return std::string(parent_properties()[i].option) + " " +
                   std::to_string(selection.properties[i].front());
    return {};
}

/// What the first property that was chosen asks; without any, about programs.
const Question& question_of_properties(const Selection& selection) {
    for (std::size_t i = 0; i < selection.properties.size(); ++i)
        if (!selection.properties[i].empty())
            return find_question(parent_properties()[i].question);
    return table.front();
}

}  // namespace

std::span<const Question> questions() {
    return table;
}

std::expected<void, std::string> check(const Selection& selection) {
    for (const std::string& name : selection.questions)
        if (std::string option = refused(find_question(name), selection); !option.empty())
            return std::unexpected("the question '" + name + "' takes no " + option);
    return {};
}

std::vector<Group> groups(const Selection& selection) {
    const Question& implied = question_of_properties(selection);
    std::vector<Group> groups;
    auto ask = [&](const Question& question) {
        auto more = question.groups(selection);
        std::ranges::move(more, std::back_inserter(groups));
    };
    if (!selection.questions.empty()) {
        for (const std::string& name : selection.questions)
            ask(find_question(name));
    } else if (&implied != &table.front()) {
        return combinations(selection, implied.name, false);
    } else if (!selection.programs.empty()) {
        ask(implied);
    } else {
        for (const Question& question : table)
            if (!question.on_request)
                ask(question);
    }
    return groups;
}

std::vector<Entry> chosen_entries(const Selection& selection,
                                  bool (*takes_method)(std::string_view method)) {
    std::vector<Entry> entries;
    for (const Method& method : methods())
        if (selection.methods.empty()
                ? !takes_method || takes_method(method.name)
                : std::ranges::find(selection.methods, method.name) != selection.methods.end())
            entries.push_back(entry_of(method));
    return entries;
}

std::uint64_t usual_count(const Selection& selection) {
    // Instruction counts hardly vary, and a virtual machine that counts is slow.
    if (selection.unit == Unit::instructions)
        return usual_count(selection, least_turns);
    return usual_count(selection, 200);
}

std::uint64_t usual_count(const Selection& selection, std::uint64_t count) {
    if (selection.count)
        return selection.count;
    return selection.quick ? std::max<std::uint64_t>(5, count / quick_part) : count;
}

}  // namespace spawntpl::bench
