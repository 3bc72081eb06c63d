// SPDX-License-Identifier: MIT
#include "features.hpp"

#include <sched.h>

namespace spawntpl::detail {

namespace {

bool is_posix(int policy) {
    return policy == SCHED_OTHER || policy == SCHED_FIFO || policy == SCHED_RR;
}

}  // namespace

std::string_view describe(Feature feature) {
    switch (feature) {
    case Feature::inherit_fds:
        return "inherited descriptors";
    case Feature::directory:
        return "working directory";
    case Feature::signal_mask:
        return "signal mask";
    case Feature::signal_defaults:
        return "signal defaults";
    case Feature::new_session:
        return "new session";
    case Feature::process_group:
        return "process group";
    case Feature::controlling_terminal:
        return "controlling terminal, pseudo-terminal";
    case Feature::foreground:
        return "foreground process group";
    case Feature::reset_ids:
        return "effective ids reset";
    case Feature::scheduler:
        return "scheduling policies of POSIX";
    case Feature::linux_scheduler:
        return "scheduling policies of Linux";
    case Feature::umask:
        return "file mode creation mask";
    case Feature::limits:
        return "resource limits";
    case Feature::nice:
        return "nice value";
    case Feature::affinity:
        return "CPU affinity";
    case Feature::ids:
        return "user, group, supplementary groups";
    case Feature::no_new_privileges:
        return "no new privileges";
    case Feature::parent_death_signal:
        return "parent-death signal";
    case Feature::many_redirections:
        return "more than 224 redirections and limits";
    case Feature::cgroup:
        return "cgroup from birth";
    case Feature::namespaces:
        return "namespaces";
    case Feature::return_early:
        return "return before the program runs";
    }
    return "unknown feature";
}

static_assert(few_redirections == 224, "describe() names it");

std::vector<Feature> list(FeatureSet features) {
    std::vector<Feature> result;
    for (int i = 0; i < feature_count; ++i)
        if (features.contains(static_cast<Feature>(i)))
            result.push_back(static_cast<Feature>(i));
    return result;
}

FeatureSet needed_features(const Command& command) {
    const Attributes& attributes = command.attributes();
    FeatureSet set;
    set.add(Feature::inherit_fds, command.inherits_fds());
    set.add(Feature::directory, command.directory().has_value());
    set.add(Feature::signal_mask, attributes.signal_mask.has_value());
    set.add(Feature::signal_defaults, attributes.signal_defaults != SignalSet());
    set.add(Feature::new_session, attributes.new_session);
    set.add(Feature::process_group, attributes.process_group.has_value());
    set.add(Feature::controlling_terminal,
            attributes.controlling_terminal || attributes.pseudo_terminal);
    set.add(Feature::foreground, attributes.foreground_of.has_value());
    set.add(Feature::reset_ids, attributes.reset_ids);
    if (attributes.scheduler)
        set.add(is_posix(attributes.scheduler->policy) ? Feature::scheduler
                                                       : Feature::linux_scheduler);
    set.add(Feature::umask, attributes.umask.has_value());
    set.add(Feature::limits, !attributes.limits.empty());
    set.add(Feature::nice, attributes.nice.has_value());
    set.add(Feature::affinity, attributes.affinity.has_value());
    set.add(Feature::ids, attributes.user || attributes.group || attributes.groups);
    set.add(Feature::no_new_privileges, attributes.no_new_privileges);
    set.add(Feature::parent_death_signal, attributes.parent_death_signal.has_value());
    set.add(Feature::many_redirections,
            command.redirections().size() + attributes.limits.size() > few_redirections);
    set.add(Feature::cgroup, attributes.cgroup.has_value());
    set.add(Feature::namespaces, attributes.namespaces != 0);
    return set;
}

}  // namespace spawntpl::detail
