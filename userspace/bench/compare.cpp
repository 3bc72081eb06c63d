// SPDX-License-Identifier: MIT
#include "compare.hpp"

#include <iomanip>
#include <map>
#include <string>
#include <vector>

namespace spawntpl::bench {

namespace {

using json = nlohmann::ordered_json;

// Smaller differences are nobody's concern, however certain they are.
constexpr double least_difference = 0.01;

/// What of a row says what was measured. Mappings are counted, not chosen.
std::string key(const json& row) {
    json parent = row.at("parent");
    parent.erase("mappings");
    std::string key;
    for (const char* name : {"question", "program", "variant", "method", "unit"})
        key += row.value(name, json()).dump() + " ";
    return key + row.value("pinned", json(false)).dump() + parent.dump() +
           row.value("starts", json()).dump();
}

struct Change {
    const json& row;
    double factor;  ///< new to old
};

double low(const json& row) {
    return row.value("p50_low", row.at("p50").get<double>());
}

double high(const json& row) {
    return row.value("p50_high", row.at("p50").get<double>());
}

std::string what(const json& row) {
    const json& parent = row.at("parent");
    std::string text = row.at("question").get<std::string>() + ": " +
                       row.at("program").get<std::string>() + " by " +
                       row.at("method").get<std::string>();
    if (row.contains("variant") && row.at("variant").is_string())
        text += ", " + row.at("variant").get<std::string>();
    for (auto [name, unit] : {std::pair("fds", "descriptors"),
                              {"rss_mib", "MiB"},
                              {"env", "variables"},
                              {"extra_mappings", "mappings"},
                              {"threads", "threads"}})
        text += ", " + parent.at(name).dump() + " " + unit;
    return text;
}

void print(std::ostream& out, const std::string& title, const std::vector<Change>& changes) {
    if (!changes.empty())
        out << title << ":\n";
    for (const Change& change : changes)
        out << "  " << std::fixed << std::setprecision(2) << std::setw(6) << change.factor << "x  "
            << what(change.row) << '\n';
}

}  // namespace

std::size_t compare(std::ostream& out, const json& old_results, const json& new_results) {
    std::map<std::string, const json*> before;
    for (const json& row : old_results.at("results"))
        before[key(row)] = &row;
    std::vector<Change> slower;
    std::vector<Change> faster;
    std::size_t compared = 0;
    for (const json& row : new_results.at("results")) {
        auto found = before.find(key(row));
        if (found == before.end())
            continue;
        ++compared;
        double factor = row.at("p50").get<double>() / found->second->at("p50").get<double>();
        if (low(row) > high(*found->second) && factor > 1 + least_difference)
            slower.push_back({row, factor});
        if (high(row) < low(*found->second) && factor < 1 - least_difference)
            faster.push_back({row, factor});
    }
    out << "\nCompared with the old result: " << compared << " of "
        << new_results.at("results").size() << " are in both; " << slower.size() << " slower, "
        << faster.size() << " faster, the others the same.\n";
    for (const char* what : {"kernel", "cpu", "libc", "accel"})
        if (old_results.at("environment").value(what, json()) !=
            new_results.at("environment").value(what, json()))
            out << "The two have another " << what << ".\n";
    print(out, "Slower", slower);
    print(out, "Faster", faster);
    return slower.size();
}

}  // namespace spawntpl::bench
