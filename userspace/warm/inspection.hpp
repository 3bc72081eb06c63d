// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>

namespace spawntpl::warm {

/// The numbers of /proc/self/stat.
class Stat {
public:
    bool read();

    /// The field with this number of proc_pid_stat(5), from 3; not one that is negative.
    std::uint64_t field(int number) const { return fields_[static_cast<std::size_t>(number)]; }

private:
    std::array<std::uint64_t, 53> fields_{};
};

/// Looks for what a copy of this process would not have, or would have in common with others: what
/// the constructors of libraries have made besides memory of their own. What it is, or null.
const char* why_not_copied(int last_fd);

}  // namespace spawntpl::warm
