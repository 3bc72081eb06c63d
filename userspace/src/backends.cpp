// SPDX-License-Identifier: MIT
#include "backend.hpp"

#include <spawntpl/backends.hpp>

#include <algorithm>
#include <span>

namespace spawntpl {

namespace detail {

namespace {

/// In order of preference.
std::span<const Backend* const> all_backends() {
    static const Backend* const list[] = {&kernel_backend(), &clone3_backend(),
                                          &posix_spawn_backend()};
    return list;
}

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

Result<const Backend*> choose_backend(std::string_view name) {
    auto chosen = std::ranges::find_if(backends(), [&](const BackendInfo& info) {
        return name.empty() ? info.available : info.name == name;
    });
    if (chosen == backends().end())
        return std::unexpected(
            choice_error(EINVAL, name, "the backends are called " + valid_names()));
    if (!chosen->available)
        return std::unexpected(choice_error(ENOSYS, name, chosen->reason));
    return all_backends()[static_cast<std::size_t>(chosen - backends().begin())];
}

}  // namespace detail

const std::vector<BackendInfo>& backends() {
    static const std::vector<BackendInfo> infos = [] {
        std::vector<BackendInfo> result;
        for (const detail::Backend* backend : detail::all_backends()) {
            std::string reason = backend->probe();
            result.push_back({backend->name(), backend->description(), reason.empty(), reason});
        }
        return result;
    }();
    return infos;
}

}  // namespace spawntpl
