// SPDX-License-Identifier: MIT
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace spawntpl::bench {

/// A tool that is called in a directory, and whose output is read until its end. Several threads
/// may call one at the same time.
class Call {
public:
    virtual ~Call() = default;

    /// Empty, or what went wrong.
    virtual std::string make() const = 0;
};

/// The calls of all tools in that directory, by one method; or the reason why they cannot be made.
using MakeCalls = std::function<std::expected<std::vector<std::unique_ptr<Call>>, std::string>(
    const std::string& directory)>;

/// The command lines of the tools: sixteen, each of which looks at a file "notes.txt" and writes a
/// little.
const std::vector<std::vector<std::string>>& agent_tools();

struct AgentMethod {
    std::string_view name;
    MakeCalls make;
};

std::span<const AgentMethod> agent_methods();

}  // namespace spawntpl::bench
