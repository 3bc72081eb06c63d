// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/fd.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace spawntpl::tools {

/// Where spawntpl map takes the arguments of its jobs from, one job after the other.
class MapInput {
public:
    virtual ~MapInput() = default;

    /// How many arguments each job has.
    virtual std::size_t sources() const = 0;

    /// Those of the next job, if they are there. Never blocks.
    virtual std::optional<std::vector<std::string>> next() = 0;

    /// Whether next() will have nothing any more.
    virtual bool at_end() const = 0;

    /// How many jobs there are in all, as far as that is known.
    virtual std::optional<std::uint64_t> total() const = 0;

    /// Whether to read() when fd() is readable: as long as not too much waits for next().
    virtual bool wants_more() const { return false; }

    virtual int fd() const { return -1; }

    /// Reads a piece; blocks if there is none.
    virtual void read() {}

    /// Why there is nothing any more, if it is not the ordinary end.
    virtual std::string error() const { return {}; }
};

/// All combinations of the arguments of the lists, the last list's changing first.
std::unique_ptr<MapInput> combinations(std::vector<std::vector<std::string>> lists);

/// The lines of a file, or what ends with another character; without that.
std::unique_ptr<MapInput> lines(Fd file, char separator);

}  // namespace spawntpl::tools
