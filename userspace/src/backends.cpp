// SPDX-License-Identifier: MIT
#include "backend.hpp"

#include <spawntpl/backends.hpp>

namespace spawntpl {

namespace detail {

namespace {

Error choice_error(int error, std::string_view name, std::string detail) {
    return {.code = {error, std::generic_category()},
            .step = Step::choose_backend,
            .path = std::string(name),
            .detail = std::move(detail)};
}

std::string valid_names() {
    std::string names;
    for (const Backend* backend : all_backends())
        names.append(names.empty() ? "" : ", ").append(backend->name());
    return names;
}

}  // namespace

std::span<const Backend* const> all_backends() {
    static const Backend* const list[] = {&kernel_backend(), &kernel_warm_backend(),
                                          &warm_backend(), &clone3_backend(),
                                          &posix_spawn_backend()};
    return list;
}

std::string unavailable(const char* call, int error) {
    std::string name = call;
    switch (error) {
    case ENOSYS:
        return "this kernel does not have the system call " + name;
    case EPERM:
        return "a security filter forbids the system call " + name;
    case EINVAL:
    case E2BIG:
        return "this kernel has another version of the system call " + name;
    default:
        return "unexpected answer to the system call " + name + ": " +
               std::generic_category().message(error);
    }
}

Result<std::vector<const Backend*>> choose_backends(std::string_view name) {
    std::vector<const Backend*> chosen;
    for (std::size_t i = 0; i < backends().size(); ++i) {
        const BackendInfo& info = backends()[i];
        if (!name.empty() && info.name != name)
            continue;
        if (name.empty() && all_backends()[i]->only_on_request())
            continue;
        if (info.available)
            chosen.push_back(all_backends()[i]);
        else if (!name.empty())
            return std::unexpected(choice_error(ENOSYS, name, info.reason));
    }
    if (chosen.empty())
        return std::unexpected(
            choice_error(EINVAL, name, "the backends are called " + valid_names()));
    return chosen;
}

}  // namespace detail

namespace {

std::vector<std::string_view> in_words(detail::FeatureSet features) {
    std::vector<std::string_view> words;
    for (detail::Feature feature : detail::list(features))
        words.push_back(detail::describe(feature));
    return words;
}

}  // namespace

const std::vector<BackendInfo>& backends() {
    static const std::vector<BackendInfo> infos = [] {
        std::vector<BackendInfo> result;
        for (const detail::Backend* backend : detail::all_backends()) {
            std::string reason = backend->probe();
            result.push_back({.name = backend->name(),
                              .description = backend->description(),
                              .available = reason.empty(),
                              .reason = reason,
                              .only_on_request = backend->only_on_request(),
                              .features = in_words(backend->features())});
        }
        return result;
    }();
    return infos;
}

const std::vector<std::string_view>& backend_features() {
    static const std::vector<std::string_view> words = in_words(detail::FeatureSet::all_but({}));
    return words;
}

}  // namespace spawntpl
