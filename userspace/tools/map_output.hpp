// SPDX-License-Identifier: MIT
#pragma once

#include "map_stream.hpp"

#include <spawntpl/fd.hpp>

#include <string>
#include <string_view>

namespace spawntpl::tools {

/// What a job has written so far: in memory, and from some size on in a file without a name, so
/// that any number of jobs may write any number of bytes. Errors are an errno, or 0.
class KeptOutput {
public:
    int append(std::string_view bytes);

    /// Writes all of it.
    int write_to(OutputStream& stream) const;

private:
    static constexpr std::size_t most_in_memory = 65536;

    std::string memory_;
    Fd file_;  ///< what comes after memory_
};

}  // namespace spawntpl::tools
