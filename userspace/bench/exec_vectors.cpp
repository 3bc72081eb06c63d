// SPDX-License-Identifier: MIT
#include "exec_vectors.hpp"

#include <unistd.h>

namespace spawntpl::bench {

ExecVectors::ExecVectors(const Invocation& invocation) : invocation_(invocation) {
    argv_.push_back(invocation_.path.data());
    for (std::string& arg : invocation_.args)
        argv_.push_back(arg.data());
    argv_.push_back(nullptr);
}

ExecArguments ExecVectors::arguments() {
    return {.path = invocation_.name.empty() ? invocation_.path.c_str() : invocation_.name.c_str(),
            .argv = argv_.data(),
            .envp = environment(),
            .search = !invocation_.name.empty()};
}

char* const* ExecVectors::environment() {
    if (invocation_.environment != EnvironmentUse::changed)
        return environ;
    // What a program does that gives one child another value: a new array.
    static char variable[] = "HOME=/changed";
    changed_.clear();
    for (char** entry = environ; *entry; ++entry)
        changed_.push_back(std::string_view(*entry).starts_with("HOME=") ? variable : *entry);
    changed_.push_back(nullptr);
    return changed_.data();
}

}  // namespace spawntpl::bench
