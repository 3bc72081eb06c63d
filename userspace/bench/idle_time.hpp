// SPDX-License-Identifier: MIT
//
// A virtual machine that counts instructions by its clock lets the clock leap while none of its
// CPUs has anything to do. What it leapt over is no instruction of anybody.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

namespace spawntpl::bench {

/// Makes idle_time() tell it; fails unless the kernel does, to root only.
std::expected<void, std::string> tell_idle_time();

/// Nanoseconds for which CPUs had nothing to do, since some moment; always 0 before
/// tell_idle_time(). Takes longer than a start does: other processes go on meanwhile. For one
/// thread.
std::int64_t idle_time();

}  // namespace spawntpl::bench
