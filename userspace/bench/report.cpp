// SPDX-License-Identifier: MIT
#include "report.hpp"

namespace spawntpl::bench {

namespace {

using json = nlohmann::ordered_json;

// Counts that differ by more between the halves of a run are marked.
constexpr double repeatable_drift = 0.001;

json parent_json(const Outcome& outcome) {
    return {{"fds", outcome.parent.fds},
            {"rss_mib", outcome.parent.rss_mib},
            {"env", outcome.parent.env},
            {"threads", outcome.parent.threads},
            {"extra_mappings", outcome.parent.mappings},
            {"mappings", outcome.mappings}};
}

void add_distribution(json& entry, const std::string& prefix, const Distribution& distribution) {
    entry[prefix + "min"] = distribution.min;
    entry[prefix + "p50"] = distribution.p50;
    entry[prefix + "p90"] = distribution.p90;
    entry[prefix + "p99"] = distribution.p99;
    entry[prefix + "max"] = distribution.max;
    entry[prefix + "mean"] = distribution.mean;
}

void add_interval(json& entry, const std::string& prefix, const std::optional<Interval>& interval) {
    entry[prefix + "low"] = interval ? json(interval->low) : json();
    entry[prefix + "high"] = interval ? json(interval->high) : json();
}

json ratios_json(const std::map<std::string, Ratio>& ratios) {
    json entries = json::object();
    for (const auto& [method, ratio] : ratios) {
        entries[method]["value"] = ratio.value;
        add_interval(entries[method], "", ratio.interval);
    }
    return entries;
}

json outcome_json(const Outcome& outcome, const Report& report) {
    json entry{{"question", outcome.question},
               {"program", outcome.program},
               {"variant", outcome.variant.empty() ? json() : json(outcome.variant)},
               {"method", outcome.method},
               {"backend", outcome.backend.empty() ? json() : json(outcome.backend)},
               {"parent", parent_json(outcome)}};
    if (!outcome.ended) {
        entry["unavailable"] = outcome.unavailable;
        entry["reason"] = outcome.failure;
        return entry;
    }
    entry["unit"] = to_string(report.unit);
    entry["pinned"] = !report.environment.at("pinned_to").is_null();
    entry["n"] = outcome.count;
    add_distribution(entry, "", *outcome.ended);
    add_distribution(entry, "return_", *outcome.returned);
    add_interval(entry, "p50_", outcome.median);
    if (report.unit == Unit::ns)
        entry["per_second"] = 1e9 / outcome.ended->mean;
    else {
        // A clock that leapt has not counted.
        bool counted = outcome.idle == 0 || outcome.idle_is_left_out;
        entry["repeatable"] = counted && outcome.drift <= repeatable_drift;
        entry["return_repeatable"] = counted && outcome.return_drift <= repeatable_drift;
        entry["idle"] = outcome.idle;
        entry["mark"] = outcome.mark;
    }
    entry["ratio"] = ratios_json(outcome.ratios);
    entry["return_ratio"] = ratios_json(outcome.return_ratios);
    entry.update(outcome.extra);
    return entry;
}

}  // namespace

json to_json(const Report& report) {
    json root{{"schema", 1},
              {"environment", report.environment},
              {"results", json::array()},
              {"not_measured", json::array()}};
    for (const Outcome& outcome : report.outcomes)
        root[outcome.ended ? "results" : "not_measured"].push_back(outcome_json(outcome, report));
    return root;
}

}  // namespace spawntpl::bench
