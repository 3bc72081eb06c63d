// SPDX-License-Identifier: MIT
#include "diagnose.hpp"

#include "request_errors.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

// The limits of execve(2) in the Linux kernel; both count the terminating NUL of each string.
constexpr std::size_t max_string = 32 * 4096;
constexpr std::size_t max_total = 6 * 1024 * 1024;
constexpr std::size_t min_total = 128 * 1024;

/// What is allowed with a soft limit of the stack.
std::size_t total_limit(std::uint64_t stack) {
    return std::clamp<std::size_t>(stack / 4, min_total, max_total);
}

/// The one that @p total exceeds: the child's own or, with spawn templates, which copy arguments
/// before there is a child, the caller's.
std::size_t exceeded_limit(std::size_t total, const Command& command) {
    for (const ResourceLimit& limit : command.attributes().limits)
        if (limit.resource == RLIMIT_STACK && total > total_limit(limit.soft))
            return total_limit(limit.soft);
    rlimit callers{};
    getrlimit(RLIMIT_STACK, &callers);
    return total_limit(callers.rlim_cur);
}

struct StringSizes {
    std::size_t total = 0;
    std::size_t longest = 0;
    std::size_t longest_index = 0;
};

StringSizes measure(char* const* strings) {
    StringSizes sizes;
    for (std::size_t i = 0; strings && strings[i]; ++i) {
        std::size_t size = std::strlen(strings[i]) + 1;
        sizes.total += size + sizeof(char*);
        if (size > sizes.longest) {
            sizes.longest = size;
            sizes.longest_index = i;
        }
    }
    return sizes;
}

std::string too_long(const char* what, const StringSizes& sizes) {
    return std::string(what) + " " + std::to_string(sizes.longest_index) + " takes " +
           std::to_string(sizes.longest) + " bytes, the limit is " + std::to_string(max_string);
}

std::string describe_too_big(const Launch& launch) {
    StringSizes args = measure(launch.argv());
    if (args.longest > max_string)
        return too_long("argument", args);
    StringSizes env = measure(launch.envp());
    if (env.longest > max_string)
        return too_long("environment entry", env);

    std::size_t total = args.total + env.total + launch.program().label().size() + 1;
    std::size_t limit = exceeded_limit(total, launch.command());
    if (total <= limit)
        return {};
    return "arguments and environment take " + std::to_string(total) + " bytes, the limit is " +
           std::to_string(limit);
}

/// The errno of an attempt to execute @p path, as far as it can be known without one, or 0.
int check_program(const Program& program) {
    if (program.path.empty())
        return faccessat(program.fd.get(), "", X_OK, AT_EMPTY_PATH | AT_EACCESS) ? errno : 0;
    return faccessat(AT_FDCWD, program.path.c_str(), X_OK, AT_EACCESS) ? errno : 0;
}

bool directory_is_barred(const Launch& launch) {
    return launch.directory() >= 0 &&
           faccessat(launch.directory(), "", X_OK, AT_EMPTY_PATH | AT_EACCESS) != 0;
}

Error find_step(int error, const Launch& launch) {
    switch (error) {
    case E2BIG:
        return launch.request_error(error);
    case EAGAIN:
    case ENOMEM:
        return launch.program_error(error, Step::clone);
    case EACCES:
        if (directory_is_barred(launch))
            return directory_error(launch.command(), error);
        break;
    case ETXTBSY:
        return launch.program_error(error, Step::open_program);
    default:
        break;
    }
    bool program_is_to_blame = check_program(launch.program()) == error;
    return launch.program_error(error, program_is_to_blame ? Step::open_program : Step::execute);
}

}  // namespace

void add_details(Error& error, const Launch& launch) {
    if (error.code.value() == E2BIG && error.detail.empty())
        error.detail = describe_too_big(launch);
    if (error.step == Step::execute && !launch.program().path.empty()) {
        std::string interpreter = script_interpreter(launch.program().path);
        if (!interpreter.empty())
            error.detail = "its interpreter is '" + interpreter + "'";
    }
}

Error infer_error(int error, const Launch& launch) {
    Error result = find_step(error, launch);
    result.inferred = true;
    add_details(result, launch);
    return result;
}

}  // namespace spawntpl::detail
