// SPDX-License-Identifier: MIT
#pragma once

namespace spawntpl::warm {

/// Where this process is to become a template process, a value of warm_variable; null if it is
/// none.
/// @p envp is the environment as the kernel gave it.
const char* template_point(char** envp);

/// Takes out of the environment what the library has put there, and keeps the descriptors of the
/// template process from programs that it executes.
void hide_template(char** envp);

}  // namespace spawntpl::warm
