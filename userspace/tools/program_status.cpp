// SPDX-License-Identifier: MIT
#include "program_status.hpp"

#include <cerrno>

namespace spawntpl::tools {

int program_status(const Error& error) {
    switch (error.step) {
    case Step::resolve_program:
    case Step::open_program:
    case Step::execute:
        return error.code.value() == ENOENT ? not_found : cannot_execute;
    default:
        return own_failure;
    }
}

}  // namespace spawntpl::tools
