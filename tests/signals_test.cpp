// SPDX-License-Identifier: MIT
//
// The signal mask and the dispositions that the child starts with.
#include "support.hpp"

#include <signal.h>

namespace spawntpl::tests {
namespace {

class Signals : public BackendTest {
protected:
    Signals() {
        sigset_t blocked;
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGUSR1);
        sigprocmask(SIG_SETMASK, &blocked, &old_mask_);
        old_hup_ = signal(SIGHUP, SIG_IGN);
        old_usr2_ = signal(SIGUSR2, SIG_IGN);
        old_term_ = signal(SIGTERM, [](int) {});
    }

    ~Signals() override {
        sigprocmask(SIG_SETMASK, &old_mask_, nullptr);
        signal(SIGHUP, old_hup_);
        signal(SIGUSR2, old_usr2_);
        signal(SIGTERM, old_term_);
    }

private:
    sigset_t old_mask_;
    sighandler_t old_hup_;
    sighandler_t old_usr2_;
    sighandler_t old_term_;
};
FOR_EACH_WAY(Signals);

TEST_P(Signals, caller_s_mask_and_ignored_signals_are_inherited) {
    Shown shown = show();
    EXPECT_EQ(shown.blocked, SignalSet{SIGUSR1});
    EXPECT_TRUE(shown.ignored.contains(SIGHUP));
    EXPECT_TRUE(shown.ignored.contains(SIGUSR2));
    EXPECT_FALSE(shown.ignored.contains(SIGTERM));
}

TEST_P(Signals, mask_is_set) {
    EXPECT_EQ(show(Command().signal_mask({})).blocked, SignalSet{});
    SignalSet some = {SIGINT, SIGCHLD, SIGUSR2, SIGRTMIN, SIGRTMAX};
    EXPECT_EQ(show(Command().signal_mask(some)).blocked, some);
    EXPECT_TRUE(show().blocked.contains(SIGUSR1));
}

TEST_P(Signals, kill_and_stop_cannot_be_blocked) {
    SignalSet blocked = show(Command().signal_mask(SignalSet::all())).blocked;
    EXPECT_FALSE(blocked.contains(SIGKILL));
    EXPECT_FALSE(blocked.contains(SIGSTOP));
    EXPECT_TRUE(blocked.contains(SIGTERM));
}

TEST_P(Signals, defaults_are_restored) {
    SignalSet ignored = show(Command().signal_defaults({SIGHUP, SIGINT})).ignored;
    EXPECT_FALSE(ignored.contains(SIGHUP));
    EXPECT_TRUE(ignored.contains(SIGUSR2));
    EXPECT_EQ(show(Command().signal_defaults(SignalSet::all())).ignored, SignalSet{});
}

TEST_P(Signals, caller_is_not_changed) {
    run(must_open(payload("exit0")),
        Command().signal_mask(SignalSet::all()).signal_defaults(SignalSet::all()));
    sigset_t mask;
    sigprocmask(SIG_SETMASK, nullptr, &mask);
    EXPECT_EQ(sigismember(&mask, SIGUSR1), 1);
    EXPECT_EQ(sigismember(&mask, SIGUSR2), 0);
    struct sigaction action {};
    sigaction(SIGHUP, nullptr, &action);
    EXPECT_EQ(action.sa_handler, SIG_IGN);
}

TEST(SignalSetTest, holds_what_was_added) {
    SignalSet set = {1, 64};
    EXPECT_TRUE(set.contains(1) && set.contains(64));
    EXPECT_FALSE(set.contains(2));
    EXPECT_EQ(set.bits(), 1 | std::uint64_t{1} << 63);
    EXPECT_EQ(set.remove(1).remove(64), SignalSet{});
    EXPECT_EQ(set.add(0).add(65).add(-1), SignalSet{});
    EXPECT_EQ(set.add(32).add(33), SignalSet{}) << "the C library's own";
    EXPECT_EQ(~SignalSet::all().bits(), std::uint64_t{3} << 31);
    EXPECT_FALSE(SignalSet::all().contains(0) || SignalSet::all().contains(65));
}

}  // namespace
}  // namespace spawntpl::tests
