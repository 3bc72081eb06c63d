// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace spawntpl::bench {

/// A directory that is removed, with all that is in it, when this ends.
class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string pattern = std::filesystem::temp_directory_path() / "spawntpl-bench.XXXXXX";
        if (!mkdtemp(pattern.data()))
            throw std::runtime_error("cannot make a directory " + pattern);
        path_ = pattern;
    }

    TemporaryDirectory(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace spawntpl::bench
