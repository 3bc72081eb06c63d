// SPDX-License-Identifier: MIT
#include "request_errors.hpp"

#include <utility>

namespace spawntpl::detail {

namespace {

/// What the attribute was to become, as far as the step does not say it.
std::string wanted(const Attributes& attributes, Step step, int index) {
    switch (step) {
    case Step::join_process_group:
        return "group " + std::to_string(attributes.process_group.value_or(0));
    case Step::set_limit: {
        const ResourceLimit& limit = attributes.limits.at(static_cast<std::size_t>(index));
        return "resource " + std::to_string(limit.resource) + ", soft " +
               std::to_string(limit.soft) + ", hard " + std::to_string(limit.hard);
    }
    case Step::set_nice:
        return "nice value " + std::to_string(attributes.nice.value_or(0));
    case Step::set_scheduler:
        return "policy " + std::to_string(attributes.scheduler->policy) + ", priority " +
               std::to_string(attributes.scheduler->priority);
    case Step::set_ids: {
        std::string text;
        if (attributes.user)
            text += "user " + std::to_string(*attributes.user);
        if (attributes.group)
            text += (text.empty() ? "group " : ", group ") + std::to_string(*attributes.group);
        if (attributes.groups)
            text += (text.empty() ? "" : ", ") + std::to_string(attributes.groups->size()) +
                    " supplementary groups";
        return text;
    }
    case Step::take_terminal:
        return attributes.new_session || attributes.pseudo_terminal ? "" : "not in a new session";
    case Step::set_affinity:
        return attributes.affinity->empty() ? "no CPU is given" : "";
    case Step::set_parent_death_signal:
        return "signal " + std::to_string(attributes.parent_death_signal->signal);
    default:
        return {};
    }
}

}  // namespace

Error redirect_error(const Command& command, int error, int index, std::string detail) {
    const Redirection& redirection = command.redirections()[static_cast<std::size_t>(index)];
    Error result{.code = {error, std::generic_category()},
                 .step = Step::redirect,
                 .index = index,
                 .target = redirection.target,
                 .detail = std::move(detail)};
    if (const auto* from = std::get_if<FromFd>(&redirection.source))
        result.source = from->fd;
    if (const auto* same = std::get_if<SameAs>(&redirection.source))
        result.source = same->target;
    if (const auto* file = std::get_if<FromFile>(&redirection.source))
        result.path = file->path;
    return result;
}

Error directory_error(const Command& command, int error, std::string detail) {
    Error result{.code = {error, std::generic_category()},
                 .step = Step::enter_directory,
                 .detail = std::move(detail)};
    if (const auto& directory = command.directory()) {
        result.path = directory->path;
        if (directory->dirfd >= 0)
            result.source = directory->dirfd;
    }
    return result;
}

Error attribute_error(const Command& command, int error, Step step, int index) {
    return {.code = {error, std::generic_category()},
            .step = step,
            .index = index,
            .detail = wanted(command.attributes(), step, index)};
}

}  // namespace spawntpl::detail
