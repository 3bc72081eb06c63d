// SPDX-License-Identifier: MIT
#include "interruption.hpp"

#include <array>

#include <signal.h>

namespace spawntpl::bench {

namespace {

constexpr std::array signals{SIGINT, SIGTERM, SIGHUP};

volatile sig_atomic_t came = 0;

void remember(int signal) {
    came = signal;
}

void set_handler(int signal, void (*handler)(int)) {
    struct sigaction before {};
    sigaction(signal, nullptr, &before);
    if (before.sa_handler == SIG_IGN)
        return;
    struct sigaction action {};
    action.sa_handler = handler;
    // What waits for a child goes on waiting: nothing is left behind half started.
    action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
    sigaction(signal, &action, nullptr);
}

}  // namespace

Interruptions::Interruptions() {
    came = 0;
    for (int signal : signals)
        set_handler(signal, remember);
}

Interruptions::~Interruptions() {
    for (int signal : signals)
        set_handler(signal, SIG_DFL);
}

void end_if_interrupted() {
    if (came != 0)
        throw Interrupted{came};
}

}  // namespace spawntpl::bench
