// SPDX-License-Identifier: MIT
#pragma once

namespace spawntpl::bench {

/// Thrown where a measurement ends early, so that all it has made is cleaned up.
struct Interrupted {
    int signal;
};

/// While this exists, SIGINT, SIGTERM and SIGHUP end a measurement at its next step; a second one
/// of a kind ends this process at once. What was ignored before still is.
class Interruptions {
public:
    Interruptions();
    Interruptions(const Interruptions&) = delete;
    ~Interruptions();
};

/// Throws Interrupted if there was such a signal.
void end_if_interrupted();

}  // namespace spawntpl::bench
