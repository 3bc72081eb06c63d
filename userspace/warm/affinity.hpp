// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>

namespace spawntpl::warm {

/// The processors that this process may run on, and its children, which are bound to a single one,
/// as long as they wait for their requests, where their caller waits for them: see WarmLanes.
class Affinity {
public:
    /// In the template process.
    void take();

    /// In the template process: binds it, and the children that it makes, to a processor, or to
    /// none any more: -1.
    void bind(int cpu);

    /// To which; -1: to none.
    int bound() const { return bound_; }

    /// In a child: what the template process has.
    void restore() const;

private:
    // As many as a kernel for this architecture can have.
    using Set = std::array<unsigned char, 1024>;

    Set own_{};             ///< as the kernel says
    Set wanted_{};          ///< what the kernel is to be asked for
    std::size_t size_ = 0;  ///< of the kernel's
    int bound_ = -1;
};

}  // namespace spawntpl::warm
