// SPDX-License-Identifier: MIT
#include "event_loop.hpp"

#include <cerrno>

namespace spawntpl::detail {

namespace {

/// Whether epoll may work where io_uring failed like this: a kernel without it, a filter or
/// sysctl that forbids it, a kernel before 5.12 that counts its memory as locked, or an old one
/// without something that is needed.
bool is_refusal(int error) {
    return error == ENOSYS || error == EPERM || error == EACCES || error == ENOMEM ||
           error == EINVAL || error == EOPNOTSUPP;
}

}  // namespace

Error watch_error(int error, std::string detail) {
    return {.code = {error, std::generic_category()},
            .step = Step::supervise,
            .detail = std::move(detail)};
}

Result<std::unique_ptr<EventLoop>> make_event_loop(std::string_view name) {
    if (name == "io_uring")
        return make_uring_loop();
    if (name == "epoll")
        return make_epoll_loop();
    if (!name.empty())
        return std::unexpected(watch_error(
            EINVAL, "no event loop '" + std::string(name) + "': there are io_uring, epoll"));
    auto loop = make_uring_loop();
    if (!loop && is_refusal(loop.error().code.value()))
        return make_epoll_loop();
    return loop;
}

}  // namespace spawntpl::detail
