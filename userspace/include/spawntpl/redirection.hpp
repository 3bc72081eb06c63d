// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <variant>

#include <sys/types.h>

namespace spawntpl {

// What a descriptor of the child refers to.

/// What a descriptor of the caller refers to when the child is started.
struct FromFd {
    int fd;  ///< the caller's
};

/// A file, opened at the start of each child.
struct FromFile {
    std::string path;  ///< a relative path starts at the caller's working directory
    int flags;         ///< as for open(2)
    mode_t mode;       ///< as for open(2), less the caller's umask
};

/// A pipe, made at the start of each child; its other end is Child::pipe().
struct FromPipe {
    bool child_writes;  ///< else the child reads
};

/// A file that contains these bytes and has no name, made at the start of each child. The child
/// reads it from its beginning and cannot change it.
struct FromData {
    std::string bytes;  ///< any, zeros too
};

/// What another descriptor of the child refers to.
struct SameAs {
    int target;  ///< the child's
};

/// Nothing: the child does not have the descriptor.
struct Closed {};

/// One descriptor of the child and what it is to refer to.
struct Redirection {
    int target;  ///< the child's descriptor
    /// What it refers to.
    std::variant<FromFd, FromFile, FromPipe, FromData, SameAs, Closed> source;
};

}  // namespace spawntpl
