// SPDX-License-Identifier: MIT
//
// What the parts of the C ABI have in common: see spawntpl/spawntpl.h.
#pragma once

#include "no_cancellation.hpp"

#include <spawntpl/error.hpp>
#include <spawntpl/spawntpl.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace spawntpl::c_api {

/// The size of a structure in the first release that had it: callers built with that one still
/// pass it when the structure has grown.
template <typename T>
inline constexpr std::size_t first_size = 0;
template <>
inline constexpr std::size_t first_size<spawntpl_error> = offsetof(spawntpl_error, message) +
                                                          sizeof(spawntpl_error::message);
template <>
inline constexpr std::size_t first_size<spawntpl_backend> = offsetof(spawntpl_backend, features) +
                                                            sizeof(spawntpl_backend::features);
template <>
inline constexpr std::size_t first_size<spawntpl_template_options> =
    offsetof(spawntpl_template_options, command) + sizeof(spawntpl_template_options::command);
template <>
inline constexpr std::size_t first_size<spawntpl_status> = offsetof(spawntpl_status, core_dumped) +
                                                           sizeof(spawntpl_status::core_dumped);
template <>
inline constexpr std::size_t first_size<spawntpl_stop_policy> = offsetof(spawntpl_stop_policy,
                                                                         flags) +
                                                                sizeof(spawntpl_stop_policy::flags);

/// Whether an optional structure, to be filled, is one that can be.
template <typename T>
bool fillable(const T* structure) {
    return !structure || structure->size >= first_size<T>;
}

/// Fills a structure of the caller, who may have been built with an older or a newer header. Keeps
/// its size; what this library does not know becomes zero.
template <typename T>
void fill(T* structure, T value) noexcept {
    std::size_t size = structure->size;
    auto* bytes = reinterpret_cast<std::byte*>(structure);
    value.size = size;
    std::memcpy(bytes, &value, std::min(size, sizeof(T)));
    if (size > sizeof(T))
        std::memset(bytes + sizeof(T), 0, size - sizeof(T));
}

/// Reads a structure of such a caller, or returns the errno.
template <typename T>
std::expected<T, int> read(const T* structure) {
    std::size_t size = structure->size;
    if (size < first_size<T>)
        return std::unexpected(EINVAL);
    const auto* bytes = reinterpret_cast<const std::byte*>(structure);
    if (size > sizeof(T) && std::any_of(bytes + sizeof(T), bytes + size,
                                        [](std::byte byte) { return byte != std::byte{}; }))
        return std::unexpected(E2BIG);
    T value{};
    std::memcpy(&value, bytes, std::min(size, sizeof(T)));
    return value;
}

/// Fills @p error, if there is one, and returns what the call is to return.
int report(spawntpl_error* error, const Error& cause) noexcept;

/// The same for an errno without anything around it.
int report(spawntpl_error* error, int code, Step step, const char* detail = "") noexcept;

/// The frame of a call: carries out @p action, which returns what the call is to return. No
/// exception gets past it.
template <typename Action>
int call(spawntpl_error* error, Step step, Action&& action) noexcept {
    if (!fillable(error))
        return -EINVAL;
    detail::NoCancellation off;
    try {
        return action();
    } catch (const std::bad_alloc&) {
        return report(error, ENOMEM, step);
    } catch (const std::length_error&) {
        return report(error, ENOMEM, step);
    } catch (const std::system_error& exception) {
        return report(error, exception.code().value(), step);
    } catch (...) {
        return report(error, ENOTRECOVERABLE, step);
    }
}

/// As call(), for one without an error to fill, whose pointers @p needed must not be null.
template <typename Action, typename... Pointers>
int call_with(Action&& action, const Pointers*... needed) noexcept {
    if (!(needed && ...))
        return -EINVAL;
    return call(nullptr, Step::request, [&] {
        action();
        return 0;
    });
}

/// What is wrong with a null pointer, in an Error.
inline constexpr const char* null_pointer = "a pointer is null";

/// Names of steps and backends are literals.
inline const char* name(std::string_view literal) {
    return literal.data();
}

/// The strings of an array that ends with a null pointer.
inline std::vector<std::string> strings(const char* const* array) {
    std::vector<std::string> result;
    for (; *array; ++array)
        result.emplace_back(*array);
    return result;
}

}  // namespace spawntpl::c_api
