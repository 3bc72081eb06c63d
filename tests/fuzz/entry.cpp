// SPDX-License-Identifier: MIT
//
// Where libFuzzer enters.
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    spawntpl::fuzz::run({data, size});
    return 0;
}
