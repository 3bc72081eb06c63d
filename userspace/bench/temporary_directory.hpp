// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace spawntpl::bench {

/// A directory that is removed, with all that is in it, when this ends.
class TemporaryDirectory {
public:
    TemporaryDirectory() {
        const char* top = std::getenv("TMPDIR");
        const std::string pattern =
            std::string(top && *top ? top : "/tmp") + "/spawntpl-bench.XXXXXX";
        std::string name = pattern;
        if (!mkdtemp(name.data()))
            throw std::system_error(errno, std::generic_category(),
                                    "cannot make a directory " + pattern);
        path_ = name;
    }

    TemporaryDirectory(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace spawntpl::bench
