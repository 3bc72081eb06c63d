// SPDX-License-Identifier: MIT
#pragma once

#include "baselines.hpp"
#include "methods.hpp"

#include <string>
#include <vector>

namespace spawntpl::bench {

/// argv and envp of an invocation, as execve(2) wants them.
class ExecVectors {
public:
    explicit ExecVectors(const Invocation& invocation);
    ExecVectors(const ExecVectors&) = delete;

    /// For one start. Valid until the next call.
    ExecArguments arguments();

private:
    char* const* environment();

    Invocation invocation_;
    std::vector<char*> argv_;
    std::vector<char*> changed_;
};

}  // namespace spawntpl::bench
