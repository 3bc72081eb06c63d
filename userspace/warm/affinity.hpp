// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>

namespace spawntpl::warm {

/// The processors that this process may run on, and its children, of which the owner binds one that
/// waits for its request to a single processor: see WarmLanes.
class Affinity {
public:
    /// In the template process.
    void take();

    /// In a child: what the template process has.
    void restore() const;

private:
    // As many as a kernel for this architecture can have.
    using Set = std::array<unsigned char, 1024>;

    Set own_{};             ///< as the kernel says
    Set wanted_{};          ///< what the kernel is to be asked for
    std::size_t size_ = 0;  ///< of the kernel's
};

}  // namespace spawntpl::warm
