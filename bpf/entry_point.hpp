// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <expected>
#include <string>

namespace spawnlat {

/// Where in an ELF file its first instruction is: the one that the dynamic linker jumps to, or the
/// kernel if there is no linker. The error names the file.
std::expected<std::uint64_t, std::string> entry_offset(const std::string& path);

}  // namespace spawnlat
