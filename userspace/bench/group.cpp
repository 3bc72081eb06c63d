// SPDX-License-Identifier: MIT
#include "group.hpp"

#include "measure.hpp"
#include "programs.hpp"
#include "stopwatch.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <malloc.h>

namespace spawntpl::bench {

namespace {

/// Gives PATH another value for a while. Parents take it from there.
class SearchPath {
public:
    explicit SearchPath(const std::string& path) {
        const char* before = std::getenv("PATH");
        before_ = before ? before : "";
        if (!path.empty())
            setenv("PATH", path.c_str(), 1);
    }

    SearchPath(const SearchPath&) = delete;
    ~SearchPath() { setenv("PATH", before_.c_str(), 1); }

private:
    std::string before_;
};

std::uint64_t turn(const Group& group) {
    return group.in_a_row ? group.in_a_row : samples_per_turn(group.count);
}

class GroupRun {
public:
    explicit GroupRun(const Group& group) : group_(group) {
        for (const Entry& entry : group.entries)
            outcomes_.push_back({.question = group.question,
                                 .program = group.program,
                                 .variant = group.variant,
                                 .method = entry.name,
                                 .parent = group.parent,
                                 .count = group.count,
                                 .extra = group.extra});
        contenders_.resize(outcomes_.size());
        for (std::size_t i = 0; i < outcomes_.size(); ++i)
            outcomes_[i].mark = contenders_[i].mark = next_mark();
    }

    std::vector<Outcome> outcomes(const std::function<void()>& round_done) {
        // Each fork of this process copies what groups before have left.
        malloc_trim(0);
        const Program* program = find_program(group_.program);
        auto invocation = program ? resolve(program->words) : Invocation{};
        if (!invocation)
            return failed(invocation.error());
        invocation->parent = group_.parent;
        invocation->name = group_.name;
        invocation->environment = group_.environment;
        SearchPath path(group_.path);
        prepare_all(*invocation, true);
        auto parent = Parent::make(group_.parent);
        if (!parent)
            return failed(parent.error(), !group_.parent_is_chosen);
        prepare_all(*invocation, false);
        measure(contenders_, group_.count, turn(group_), ExitStatus::exited(0), round_done);
        evaluate();
        if (group_.finish)
            group_.finish(outcomes_);
        return std::move(outcomes_);
    }

private:
    /// Medians of each entry, see resampled_medians().
    using Resampled = std::vector<std::vector<double>>;

    /// Two for each method; 0 when there are no more.
    static unsigned next_mark() {
        static unsigned next = 1;
        return next + 1 < Stopwatch::marks ? std::exchange(next, next + 2) : 0;
    }

    std::vector<Outcome> failed(const std::string& reason, bool unavailable = false) {
        for (Outcome& outcome : outcomes_) {
            outcome.failure = reason;
            outcome.unavailable = unavailable;
        }
        return std::move(outcomes_);
    }

    void prepare_all(const Invocation& invocation, bool early) {
        for (std::size_t i = 0; i < outcomes_.size(); ++i)
            if (group_.entries[i].prepared_early == early)
                prepare(group_.entries[i], invocation, outcomes_[i], contenders_[i]);
    }

    static void prepare(const Entry& entry, const Invocation& invocation, Outcome& outcome,
                        Contender& contender) {
        auto runner = entry.prepare(invocation);
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
        Resampled ended(outcomes_.size());
        Resampled returned(outcomes_.size());
        for (std::size_t i = 0; i < outcomes_.size(); ++i) {
            const Contender& contender = contenders_[i];
            Outcome& outcome = outcomes_[i];
            outcome.failure = contender.failure;
            if (!contender.failure.empty())
                continue;
            outcome.ended = distribution(contender.ended);
            outcome.returned = distribution(contender.returned);
            outcome.drift = drift(contender.ended);
            outcome.return_drift = drift(contender.returned);
            outcome.idle = idle_ticks(contender);
            outcome.idle_is_left_out = contender.left_out > 0;
            ended[i] = resampled_medians(contender.ended, turn(group_));
            returned[i] = resampled_medians(contender.returned, turn(group_));
            outcome.median = confidence(ended[i]);
        }
        for (std::string_view name : reference_methods) {
            auto reference = std::ranges::find(outcomes_, name, &Outcome::method);
            if (reference == outcomes_.end() || !reference->ended)
                continue;
            auto index = static_cast<std::size_t>(reference - outcomes_.begin());
            compare_with(index, &Outcome::ended, ended, &Outcome::ratios);
            compare_with(index, &Outcome::returned, returned, &Outcome::return_ratios);
        }
    }

    /// Of each sample, on average.
    std::int64_t idle_ticks(const Contender& contender) const {
        std::int64_t all = contender.left_out ? contender.left_out : contender.idle;
        return all / static_cast<std::int64_t>(group_.count);
    }

    void compare_with(std::size_t reference, std::optional<Distribution> Outcome::*samples,
                      const Resampled& medians, std::map<std::string, Ratio> Outcome::*ratios) {
        const Outcome& to = outcomes_[reference];
        for (std::size_t i = 0; i < outcomes_.size(); ++i)
            if (outcomes_[i].ended)
                (outcomes_[i].*ratios)[to.method] = {
                    static_cast<double>((outcomes_[i].*samples)->p50) /
                        static_cast<double>((to.*samples)->p50),
                    confidence_of_ratio(medians[i], medians[reference])};
    }

    const Group& group_;
    std::vector<Outcome> outcomes_;      // one for each entry
    std::vector<Contender> contenders_;  // the same
};

}  // namespace

Entry entry_of(const Method& method) {
    return {std::string(method.name), method.prepare, method.prepared_early};
}

std::vector<Outcome> measure(const Group& group, const std::function<void()>& round_done) {
    return GroupRun(group).outcomes(round_done);
}

std::uint64_t rounds(const Group& group) {
    return (group.count + turn(group) - 1) / turn(group);
}

std::string describe(const Group& group) {
    const ParentShape& parent = group.parent;
    std::string text = group.question + ": " + group.program;
    if (!group.variant.empty())
        text += ", " + group.variant;
    if (parent.fds != ordinary_parent.fds)
        text += ", " + std::to_string(parent.fds) + " descriptors";
    if (parent.rss_mib != ordinary_parent.rss_mib)
        text += ", " + std::to_string(parent.rss_mib) + " MiB";
    if (parent.env != ordinary_parent.env)
        text += ", " + std::to_string(parent.env) + " variables";
    if (parent.mappings != ordinary_parent.mappings)
        text += ", " + std::to_string(parent.mappings) + " mappings";
    if (parent.threads != ordinary_parent.threads)
        text += ", " + std::to_string(parent.threads) + " threads";
    return text;
}

}  // namespace spawntpl::bench
