// SPDX-License-Identifier: MIT
#include "cold_reasons.hpp"

#include "uapi/linux/spawn_template.h"

#include <system_error>

namespace spawntpl::detail {

std::string describe_cold(std::uint32_t reason, std::int32_t detail) {
    std::string number = std::to_string(detail);
    switch (reason) {
    case SPAWN_TEMPLATE_COLD_FORBIDDEN:
        return "the administrator forbids warm starts by fs.spawn_template_warm";
    case SPAWN_TEMPLATE_COLD_EXPIRED:
        return "the image is used up";
    case SPAWN_TEMPLATE_COLD_FORMAT:
        return "it is not the program's file that is run, but an interpreter of it";
    case SPAWN_TEMPLATE_COLD_TRACED:
        return "a debugger traces it";
    case SPAWN_TEMPLATE_COLD_CREDENTIALS:
        return "the caller's credentials are not those of the image";
    case SPAWN_TEMPLATE_COLD_PRIVILEGED:
        return "the program gains rights at its start";
    case SPAWN_TEMPLATE_COLD_NAMESPACES:
        return "the caller's namespaces or root directory are not those of the image, or the child "
               "would be the first process of a pid namespace";
    case SPAWN_TEMPLATE_COLD_SECCOMP:
        return "the caller's seccomp filters or no_new_privs are not those of the image";
    case SPAWN_TEMPLATE_COLD_PERSONALITY:
        return "the caller's personality is not that of the image";
    case SPAWN_TEMPLATE_COLD_LIMITS:
        return "the limit of stack, data or address space is not that of the image";
    case SPAWN_TEMPLATE_COLD_MEMORY:
        return "what the caller has set for its memory is not what the image has";
    case SPAWN_TEMPLATE_COLD_FILES:
        return "a file of the image has changed, may change unseen, or is not what its name leads "
               "to";
    case SPAWN_TEMPLATE_COLD_WATCHED:
        return "another program has a say in who opens the files";
    case SPAWN_TEMPLATE_COLD_PROBED:
        return "the image has uprobes";
    case SPAWN_TEMPLATE_COLD_ARGUMENTS:
        return "argument 0 is another one, or arguments and environment do not fit into the image";
    case SPAWN_TEMPLATE_COLD_ENVIRONMENT:
        return "an environment variable that libraries read is not what the image has";
    case SPAWN_TEMPLATE_COLD_EXITED:
        return "the program ends with status " + number + " before its entry point";
    case SPAWN_TEMPLATE_COLD_KILLED:
        return "the program is killed by signal " + number + " before its entry point";
    case SPAWN_TEMPLATE_COLD_TIMEOUT:
        return "the program does not come to its entry point in time";
    case SPAWN_TEMPLATE_COLD_SYSCALL:
        return "a library makes system call " + number + " before the program's entry point";
    case SPAWN_TEMPLATE_COLD_UNFIT:
        return "the program has, at its entry point, what no copy of its memory has as it is";
    case SPAWN_TEMPLATE_COLD_FAILED:
        return "the program cannot be captured: " + std::generic_category().message(detail);
    default:
        return "the kernel started it cold, for a reason with the number " + std::to_string(reason);
    }
}

}  // namespace spawntpl::detail
