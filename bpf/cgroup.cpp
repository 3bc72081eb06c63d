// SPDX-License-Identifier: MIT
#include "cgroup.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <sys/stat.h>

namespace spawnlat {

namespace {

namespace fs = std::filesystem;

fs::path hierarchy() {
    std::ifstream mounts("/proc/self/mounts");
    std::string line;
    while (std::getline(mounts, line)) {
        std::istringstream words(line);
        std::string device, directory, type;
        if (words >> device >> directory >> type && type == "cgroup2")
            return directory;
    }
    return {};
}

/// The kernel's number of a cgroup is its directory's inode.
std::uint64_t id_of(const fs::path& directory) {
    struct stat status {};
    return stat(directory.c_str(), &status) == 0 ? status.st_ino : 0;
}

}  // namespace

std::expected<CgroupFilter, std::string> find_cgroup(const std::string& directory) {
    fs::path root = hierarchy();
    if (root.empty())
        return std::unexpected("no cgroup2 file system is mounted");
    fs::path wanted = fs::path(directory).lexically_normal();
    // As /proc/PID/cgroup shows them, or as they are mounted.
    fs::path relative = wanted.lexically_relative(root);
    if (relative.empty() || *relative.begin() == "..")
        relative = wanted.relative_path();
    fs::path path = (root / relative).lexically_normal();
    std::uint64_t id = id_of(path);
    if (!id)
        return std::unexpected("no cgroup " + path.string() + ": " + std::strerror(errno));
    unsigned level = 0;
    for (const fs::path& part : relative)
        level += !part.empty() && part != ".";
    return CgroupFilter{id, level};
}

std::string cgroup_path(std::uint64_t id) {
    fs::path root = hierarchy();
    if (root.empty())
        return std::to_string(id);
    if (id_of(root) == id)
        return "/";
    std::error_code error;
    for (fs::recursive_directory_iterator it(root, error), end; it != end; it.increment(error))
        if (it->is_directory(error) && id_of(it->path()) == id)
            return "/" + it->path().lexically_relative(root).string();
    return std::to_string(id);
}

}  // namespace spawnlat
