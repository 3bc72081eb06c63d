// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/error.hpp>
#include <spawntpl/export.hpp>

#include <memory>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace spawntpl {

/// An Error for programs that throw. The library itself throws nothing but what the standard
/// library does when memory is short.
class SPAWNTPL_API Exception : public std::system_error {
public:
    /// An exception about @p error; throws std::bad_alloc when memory is short.
    explicit Exception(Error error)
        : std::system_error(error.code),
          message_(std::make_shared<std::string>(error.message())),
          error_(std::make_shared<Error>(std::move(error))) {}

    /// What went wrong; lives as long as the exception or a copy of it.
    const Error& error() const noexcept { return *error_; }

    /// Error::message().
    const char* what() const noexcept override { return message_->c_str(); }

private:
    // Shared, as a copy of an exception must not fail.
    std::shared_ptr<const std::string> message_;
    std::shared_ptr<const Error> error_;
};

/// The value, or else the Error as an Exception: value_or_throw(Template::open("git")).
template <typename T>
T value_or_throw(Result<T> result) {
    if (!result)
        throw Exception(std::move(result.error()));
    if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}

}  // namespace spawntpl
