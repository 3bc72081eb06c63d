// SPDX-License-Identifier: MIT
#pragma once

#include "program.hpp"

#include <string>
#include <vector>

#include <sys/stat.h>

namespace spawntpl::detail {

/// Why no child of this program can be started from a linked image, as its file tells before any
/// try; empty if nothing speaks against it.
std::string why_never_warm(const Program& program);

/// The preloaded object, or empty if it is not installed where the library looks for it.
const std::string& warm_object();

/// Files that must stay what they are, or be missing as they were.
class WatchedFiles {
public:
    void add(std::string path);

    /// The first that has changed, or null.
    const std::string* changed() const;

    /// Whether one has changed since @p time, of CLOCK_REALTIME.
    bool changed_since(const timespec& time) const;

private:
    struct Identity {
        dev_t device = 0;
        ino_t inode = 0;
        off_t size = 0;
        timespec changed{};

        static Identity of(const std::string& path);
        bool operator==(const Identity& other) const;
    };

    std::vector<std::pair<std::string, Identity>> files_;
};

}  // namespace spawntpl::detail
