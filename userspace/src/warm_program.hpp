// SPDX-License-Identifier: MIT
#pragma once

#include "program.hpp"

#include <string>

namespace spawntpl::detail {

/// Why no child of this program can be a copy of a process before its main(), as its file tells
/// before any try; empty if nothing speaks against it.
std::string why_never_warm(const Program& program);

/// The same of a copy of the image that the kernel keeps.
std::string why_never_from_image(const Program& program);

/// Whether the program itself calls setlocale(3).
bool uses_locales(const Program& program);

/// The preloaded object, or empty if it is not installed where the library looks for it.
const std::string& warm_object();

}  // namespace spawntpl::detail
