// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/command.hpp>

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace spawntpl::detail {

/// What a Command can ask of a backend, besides arguments, environment and descriptors.
enum class Feature {
    inherit_fds,
    directory,
    signal_mask,
    signal_defaults,
    new_session,
    process_group,
    controlling_terminal,
    foreground,
    reset_ids,
    scheduler,
    linux_scheduler,  ///< a policy that POSIX does not know
    umask,
    limits,
    nice,
    affinity,
    ids,
    no_new_privileges,
    parent_death_signal,
    many_redirections,  ///< more than fit into one call of spawn_template_spawn(2)
    cgroup,
    namespaces,
    return_early,  ///< what no backend must do, so no Command needs it
};

inline constexpr int feature_count = static_cast<int>(Feature::return_early) + 1;

/// The most redirections and limits that are not Feature::many_redirections.
inline constexpr std::size_t few_redirections = 224;

class FeatureSet {
public:
    constexpr FeatureSet() = default;

    constexpr FeatureSet(std::initializer_list<Feature> features) {
        for (Feature feature : features)
            add(feature);
    }

    static constexpr FeatureSet all_but(std::initializer_list<Feature> features) {
        FeatureSet set;
        set.bits_ = ((1U << feature_count) - 1) & ~FeatureSet(features).bits_;
        return set;
    }

    constexpr void add(Feature feature, bool present = true) {
        bits_ |= static_cast<std::uint32_t>(present) << static_cast<int>(feature);
    }

    constexpr bool contains(Feature feature) const {
        return bits_ >> static_cast<int>(feature) & 1;
    }

    /// Those that are not in @p other.
    constexpr FeatureSet without(FeatureSet other) const {
        FeatureSet set;
        set.bits_ = bits_ & ~other.bits_;
        return set;
    }

    constexpr bool empty() const { return bits_ == 0; }

private:
    std::uint32_t bits_ = 0;
};

/// For people: "resource limits".
std::string_view describe(Feature feature);

/// All of the set, in the order of the enumeration.
std::vector<Feature> list(FeatureSet features);

/// What a backend must have to start this.
FeatureSet needed_features(const Command& command);

}  // namespace spawntpl::detail
