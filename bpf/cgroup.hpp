// SPDX-License-Identifier: MIT
#pragma once

#include "probes.hpp"

#include <expected>
#include <string>

namespace spawnlat {

/// The cgroup in version 2's hierarchy that a directory stands for. The error is for the user.
std::expected<CgroupFilter, std::string> find_cgroup(const std::string& directory);

/// The directory, relative to the hierarchy, or the number if it is gone.
std::string cgroup_path(std::uint64_t id);

}  // namespace spawnlat
