// SPDX-License-Identifier: MIT
#include "map_signals.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

namespace spawntpl::tools {

namespace {

bool is_ignored(int signal) {
    struct sigaction action {};
    return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

EndSignals::EndSignals() {
    sigset_t taken;
    sigemptyset(&taken);
    for (int signal : {SIGINT, SIGTERM, SIGHUP})
        if (!is_ignored(signal))
            sigaddset(&taken, signal);
    sigset_t blocked = taken;
    sigaddset(&blocked, SIGPIPE);
    sigprocmask(SIG_BLOCK, &blocked, &saved_);
    fd_ = Fd(signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
}

EndSignals::~EndSignals() {
    // One that came from a write is not to end the program now.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    timespec at_once{};
    if (!sigismember(&saved_, SIGPIPE))
        sigtimedwait(&pipe, nullptr, &at_once);
    sigprocmask(SIG_SETMASK, &saved_, nullptr);
}

int EndSignals::take() const {
    signalfd_siginfo info;
    ssize_t length = read(fd_.get(), &info, sizeof(info));
    return length == sizeof(info) ? static_cast<int>(info.ssi_signo) : 0;
}

SignalSet EndSignals::saved_mask() const {
    SignalSet set;
    for (int signal = 1; signal <= 64; ++signal)
        if (sigismember(&saved_, signal) == 1)
            set.add(signal);
    return set;
}

void die_by(int signal_number) {
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

}  // namespace spawntpl::tools
