// SPDX-License-Identifier: MIT
//
// The system calls of the patched kernel, as they are.
#pragma once

#include "uapi/linux/spawn_template.h"

#include <cstdint>

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace spawntpl::detail {

// Private numbers: no released kernel knows these calls.
inline constexpr long sys_spawn_template_create = 472;
inline constexpr long sys_spawn_template_spawn = 473;

inline std::uint64_t address(const void* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer);
}

/// Returns a descriptor, or -1 and errno.
inline int spawn_template_create(spawn_template_create_args& args) {
    return static_cast<int>(syscall(sys_spawn_template_create, &args, sizeof(args)));
}

/// Returns a pid, or -1 and errno.
inline pid_t spawn_template_spawn(int fd, spawn_template_spawn_args& args) {
    return static_cast<pid_t>(syscall(sys_spawn_template_spawn, fd, &args, sizeof(args)));
}

}  // namespace spawntpl::detail
