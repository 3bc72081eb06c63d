// SPDX-License-Identifier: MIT
#pragma once

namespace spawntpl::warm {

/// Has libc load the data of the locale that the environment names, and keep it: setlocale(3), the
/// first that most programs do, would open and map a dozen files in each child. Nothing else is
/// different for the program; where the locale is not installed, nothing is done.
void load_locale_data();

}  // namespace spawntpl::warm
