// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace spawntpl::warm {

/// The names that getenv(3) and secure_getenv(3) are asked for until main(): by constructors of
/// libraries, whose work all children have in common. What libc itself reads is not among them.
class Variables {
public:
    void add(const char* name);

    /// Whether the variable of this entry was asked for.
    bool have(const char* entry) const;

    /// From now on libc answers. Before, its functions are not to be had for sure: a replacement of
    /// malloc(3) asks in the midst of the first allocation.
    void stop();

    bool are_recorded() const { return !stopped_; }

    /// Null if there is none.
    const char* first() const { return end_ != 0 ? names_ : nullptr; }
    const char* after(const char* name) const;

    /// False if others may have been asked for: there was no room for them, or the program has a
    /// getenv(3) of its own, which comes first.
    bool are_all() const;

private:
    bool stopped_ = false;
    bool lost_ = false;
    std::size_t end_ = 0;
    char names_[8192]{};  ///< each with its NUL
};

extern Variables variables;

}  // namespace spawntpl::warm
