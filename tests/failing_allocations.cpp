// SPDX-License-Identifier: MIT
#include "failing_allocations.hpp"

#include <cstdlib>
#include <new>

namespace {

// Below 0 is none.
thread_local int until_failure = -1;
thread_local bool failed = false;

}  // namespace

// Those of the standard library call these two.
void* operator new(std::size_t size) {
    if (until_failure >= 0 && until_failure-- == 0) {
        failed = true;
        throw std::bad_alloc();
    }
    if (void* memory = std::malloc(size ? size : 1))
        return memory;
    throw std::bad_alloc();
}

void operator delete(void* memory) noexcept {
    std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace spawntpl::tests {

FailingAllocation::FailingAllocation(int nth) {
    failed = false;
    until_failure = nth;
}

FailingAllocation::~FailingAllocation() {
    until_failure = -1;
}

bool FailingAllocation::has_failed() const {
    return failed;
}

}  // namespace spawntpl::tests
