// SPDX-License-Identifier: MIT
#pragma once

#include <dlfcn.h>

/// A function that takes the place of libc's.
#define SPAWNTPL_INTERPOSED extern "C" [[gnu::visibility("default")]]

namespace spawntpl::warm {

/// The one whose place it takes.
template <typename Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace spawntpl::warm
