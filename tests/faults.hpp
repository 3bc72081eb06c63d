// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/error.hpp>

#include <functional>
#include <optional>
#include <string>

namespace spawntpl::tests {

/// What came of something under test.
struct Outcome {
    std::optional<Error> error;
    std::string result;  ///< the same each time, unless something went wrong in silence
};

/// Where the system calls of the code under test begin and end.
void begin_window();
void end_window();

/// Calls the function in a window.
template <typename Function>
auto in_window(const Function& function) {
    begin_window();
    auto result = function();
    end_window();
    return result;
}

/// Something that does the same whenever it is called, in one window.
using Scenario = std::function<Outcome()>;

/// Lets each system call of the window fail in turn, with each errno that it can give, and expects
/// an error that says so, or the result that there is without the failure if the call is not
/// needed for it; and that no descriptor, child or memory is left over and nothing of the caller
/// changed. Calls count that are made by the process, by the C library for it, or by a child of it
/// that has not executed a program yet.
///
/// The scenario runs in a process of its own, which is traced. If there is @p another_way to its
/// result, no call is needed for it.
void expect_clean_failures(const Scenario& scenario, bool another_way = false);

}  // namespace spawntpl::tests
