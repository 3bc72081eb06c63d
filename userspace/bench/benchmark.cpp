// SPDX-License-Identifier: MIT
#include "benchmark.hpp"

#include "programs.hpp"

namespace spawntpl::bench {

namespace {

/// A program and a parent, for all the methods that are compared.
struct Group {
    std::string question;
    std::string program;
    ParentShape parent;
};

/// The questions that the parent's properties ask; each but the first varies one of them.
std::vector<Group> ordinary_groups() {
    std::vector<Group> groups;
    for (const Program& program : programs())
        groups.push_back({"start", program.name, ordinary_parent});
    for (const ParentProperty& property : parent_properties())
        for (std::uint64_t value : property.values) {
            ParentShape parent = ordinary_parent;
            parent.*property.member = value;
            groups.push_back({std::string(property.question), "nolibc", parent});
        }
    return groups;
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

/// The first of the parent's properties that was chosen.
std::string chosen_question(const Selection& selection) {
    for (std::size_t i = 0; i < selection.properties.size(); ++i)
        if (!selection.properties[i].empty())
            return std::string(parent_properties()[i].question);
    return "start";
}

std::vector<Group> chosen_groups(const Selection& selection) {
    std::string question = chosen_question(selection);
    std::vector<std::string> names = selection.programs;
    if (names.empty() && question != "start")
        names = {"nolibc"};
    if (names.empty())
        for (const Program& program : programs())
            names.push_back(program.name);

    std::vector<Group> groups;
    for (const std::string& name : names)
        for (const ParentShape& parent : chosen_parents(selection))
            groups.push_back({question, name, parent});
    return groups;
}

class GroupRun {
public:
    GroupRun(const Group& group, const std::vector<std::string>& methods, std::uint64_t count)
        : group_(group), methods_(methods), count_(count) {}

    std::vector<Outcome> outcomes(const std::function<void()>& round_done) {
        prepare_outcomes();
        auto invocation = resolve(find_program(group_.program)->words);
        if (!invocation)
            return failed(invocation.error());
        invocation->parent = group_.parent;
        contenders_.resize(outcomes_.size());
        prepare_contenders(*invocation, true);
        auto parent = Parent::make(group_.parent);
        if (!parent)
            return failed(parent.error());
        prepare_contenders(*invocation, false);
        measure(contenders_, count_, ExitStatus::exited(0), round_done);
        evaluate();
        return std::move(outcomes_);
    }

private:
    void prepare_outcomes() {
        for (const std::string& method : methods_)
            outcomes_.push_back({.question = group_.question,
                                 .program = group_.program,
                                 .method = method,
                                 .parent = group_.parent,
                                 .count = count_});
    }

    std::vector<Outcome> failed(const std::string& reason) {
        for (Outcome& outcome : outcomes_)
            outcome.failure = reason;
        return std::move(outcomes_);
    }

    void prepare_contenders(const Invocation& invocation, bool early) {
        for (std::size_t i = 0; i < outcomes_.size(); ++i) {
            const Method& method = *find_method(outcomes_[i].method);
            if (method.prepared_early == early)
                prepare(method, invocation, outcomes_[i], contenders_[i]);
        }
    }

    static void prepare(const Method& method, const Invocation& invocation, Outcome& outcome,
                        Contender& contender) {
        auto runner = method.prepare(invocation);
        outcome.mappings = Parent::mappings();
        if (runner) {
            outcome.backend = (*runner)->backend();
            contender.runner = std::move(*runner);
        } else {
            outcome.unavailable = runner.error().step == Step::choose_backend;
            contender.failure = reason(runner.error());
        }
    }

    /// Without "cannot start programs" where it is about one method.
    static std::string reason(const Error& error) {
        bool own = error.step == Step::choose_backend && error.path.empty();
        return own && !error.detail.empty() ? error.detail : error.message();
    }

    void evaluate() {
        for (std::size_t i = 0; i < contenders_.size(); ++i) {
            outcomes_[i].failure = contenders_[i].failure;
            if (!contenders_[i].failure.empty())
                continue;
            outcomes_[i].ended = distribution(std::move(contenders_[i].ended));
            outcomes_[i].returned = distribution(std::move(contenders_[i].returned));
        }
    }

    const Group& group_;
    const std::vector<std::string>& methods_;
    std::uint64_t count_;
    std::vector<Outcome> outcomes_;
    std::vector<Contender> contenders_;  // one for each outcome
};

}  // namespace

std::vector<Outcome> run(const Selection& selection, std::ostream& progress) {
    bool nothing_chosen = selection.programs.empty() && chosen_question(selection) == "start";
    std::vector<Group> groups = nothing_chosen ? ordinary_groups() : chosen_groups(selection);
    std::vector<std::string> names = selection.methods;
    if (names.empty())
        for (const Method& method : methods())
            names.emplace_back(method.name);

    std::vector<Outcome> outcomes;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        const ParentShape& parent = groups[i].parent;
        progress << "bench " << i + 1 << "/" << groups.size() << ": " << groups[i].program << ", "
                 << parent.fds << " descriptors, " << parent.rss_mib << " MiB, " << parent.env
                 << " variables, " << parent.mappings << " mappings, " << parent.threads
                 << " threads " << std::flush;
        auto group = GroupRun(groups[i], names, selection.count).outcomes([&] {
            progress << '.' << std::flush;
        });
        progress << std::endl;
        outcomes.insert(outcomes.end(), group.begin(), group.end());
    }
    return outcomes;
}

}  // namespace spawntpl::bench
