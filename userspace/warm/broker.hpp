// SPDX-License-Identifier: MIT
#pragma once

namespace spawntpl::warm {

/// Whether the owner wants a broker, see WarmBroker.
bool has_broker();

/// Makes this process the broker of a copy of it, which alone returns. @p thread_id is where the
/// kernel and libc keep the id of this thread.
void leave_to_copy(int* thread_id);

}  // namespace spawntpl::warm
