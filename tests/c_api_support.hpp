// SPDX-License-Identifier: MIT
#pragma once

#include "support.hpp"

#include <spawntpl/spawntpl.h>

#include <memory>
#include <string>
#include <vector>

namespace spawntpl::tests {

template <auto free_function>
struct Free {
    void operator()(auto* object) const { free_function(object); }
};

using TemplatePointer = std::unique_ptr<spawntpl_template, Free<spawntpl_template_free>>;
using CommandPointer = std::unique_ptr<spawntpl_command, Free<spawntpl_command_free>>;
using ChildPointer = std::unique_ptr<spawntpl_child, Free<spawntpl_child_free>>;

spawntpl_error new_error();
spawntpl_status new_status();
CommandPointer new_command();

/// A command with these arguments.
CommandPointer new_command(std::vector<const char*> args);

/// A test of the C ABI that runs with each backend.
class CApiTest : public BackendTest {
protected:
    spawntpl_template_options c_options() const;

    TemplatePointer c_open(const std::string& program) const;

    ChildPointer start(const std::string& program, const CommandPointer& command) const;
    ChildPointer start(const spawntpl_template* program, const spawntpl_command* command) const;

    /// The error of a start that must fail.
    spawntpl_error c_failure(const std::string& program, const CommandPointer& command) const;

    /// What a child that succeeds writes to its standard output.
    std::string output(const std::string& program, const CommandPointer& command) const;

    /// The same of a script.
    std::string shell(const char* script, const CommandPointer& command) const;

    /// Whether the backend can do it, and if not, that it says so.
    bool can(const char* feature, const CommandPointer& command) const;
};

}  // namespace spawntpl::tests
