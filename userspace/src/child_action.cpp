// SPDX-License-Identifier: MIT
//
// Linked into the library and into the object that warm templates preload: no more than system
// calls, so that a child which borrows its caller's memory can do it.
#include "child_action.hpp"

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

struct KernelSigaction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    SignalBits mask;
};

template <typename Operand>
SPAWNTPL_IN_CHILD const Operand* operand(const spawn_template_action& action) {
    return reinterpret_cast<const Operand*>(static_cast<std::uintptr_t>(action.arg));
}

SPAWNTPL_IN_CHILD bool enter_foreground(int terminal, pid_t group) {
    if (group == 0)
        group = static_cast<pid_t>(syscall(SYS_getpgid, 0));
    return syscall(SYS_ioctl, terminal, TIOCSPGRP, &group) == 0;
}

SPAWNTPL_IN_CHILD bool reset_ids() {
    return syscall(SYS_setresgid, -1, syscall(SYS_getgid), -1) == 0 &&
           syscall(SYS_setresuid, -1, syscall(SYS_getuid), -1) == 0;
}

SPAWNTPL_IN_CHILD bool set_ids(const spawn_template_ids& ids) {
    if ((ids.flags & SPAWN_TEMPLATE_IDS_GROUPS) &&
        syscall(SYS_setgroups, static_cast<std::size_t>(ids.nr_groups), ids.groups) != 0)
        return false;
    if ((ids.flags & SPAWN_TEMPLATE_IDS_GID) &&
        syscall(SYS_setresgid, ids.gid, ids.gid, ids.gid) != 0)
        return false;
    return !(ids.flags & SPAWN_TEMPLATE_IDS_UID) ||
           syscall(SYS_setresuid, ids.uid, ids.uid, ids.uid) == 0;
}

SPAWNTPL_IN_CHILD bool set_parent_death_signal(int signal, pid_t parent) {
    if (syscall(SYS_prctl, PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0)
        return false;
    // It may have ended before the kernel knew of the wish. From a new pid namespace, here 0, it
    // cannot be told.
    long now = syscall(SYS_getppid);
    if (signal != 0 && now != 0 && now != parent)
        syscall(SYS_kill, syscall(SYS_getpid), signal);
    return true;
}

}  // namespace

SPAWNTPL_IN_CHILD void set_dispositions(SignalBits signals, void (*disposition)(int)) {
    KernelSigaction action{.handler = disposition, .flags = 0, .restorer = nullptr, .mask = 0};
    for (int signal = 1; signals != 0; ++signal, signals >>= 1)
        if (signals & 1)
            syscall(SYS_rt_sigaction, signal, &action, nullptr, sizeof(action.mask));
}

SPAWNTPL_IN_CHILD bool move_descriptor(int source, int target) {
    if (source == target)
        return syscall(SYS_fcntl, target, F_SETFD, 0) == 0;
    return syscall(SYS_dup3, source, target, 0) >= 0;
}

SPAWNTPL_IN_CHILD bool perform_action(const spawn_template_action& action, pid_t parent) {
    switch (action.type) {
    case SPAWN_TEMPLATE_FCHDIR:
        return syscall(SYS_fchdir, action.fd) == 0;
    case SPAWN_TEMPLATE_UMASK:
        if (action.arg <= 0777)
            return syscall(SYS_umask, action.arg) >= 0;
        break;
    case SPAWN_TEMPLATE_SETSID:
        return syscall(SYS_setsid) >= 0;
    case SPAWN_TEMPLATE_SETPGID:
        return syscall(SYS_setpgid, 0, action.arg) == 0;
    case SPAWN_TEMPLATE_SETCTTY:
        return syscall(SYS_ioctl, action.fd, TIOCSCTTY, 0) == 0;
    case SPAWN_TEMPLATE_TCSETPGRP:
        return enter_foreground(action.fd, static_cast<pid_t>(action.arg));
    case SPAWN_TEMPLATE_DUP2:
        return move_descriptor(action.fd, action.newfd);
    case SPAWN_TEMPLATE_CLOSE:
        syscall(SYS_close, action.fd);
        return true;
    case SPAWN_TEMPLATE_RLIMIT: {
        const auto& limit = *operand<spawn_template_rlimit>(action);
        rlimit64 value{limit.cur, limit.max};
        return syscall(SYS_prlimit64, 0, limit.resource, &value, nullptr) == 0;
    }
    case SPAWN_TEMPLATE_NICE:
        // The system call takes any number and makes it one of them.
        if (static_cast<std::int64_t>(action.arg) >= -20 &&
            static_cast<std::int64_t>(action.arg) <= 19)
            return syscall(SYS_setpriority, PRIO_PROCESS, 0, action.arg) == 0;
        break;
    case SPAWN_TEMPLATE_SETSCHED:
        return syscall(SYS_sched_setattr, 0, action.arg, 0) == 0;
    case SPAWN_TEMPLATE_AFFINITY:
        return syscall(SYS_sched_setaffinity, 0, action.size, action.arg) == 0;
    case SPAWN_TEMPLATE_RESETIDS:
        return reset_ids();
    case SPAWN_TEMPLATE_SETIDS:
        return set_ids(*operand<spawn_template_ids>(action));
    case SPAWN_TEMPLATE_NO_NEW_PRIVS:
        return syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    case SPAWN_TEMPLATE_PDEATHSIG:
        return set_parent_death_signal(static_cast<int>(action.arg), parent);
    case SPAWN_TEMPLATE_SIGDEFAULT:
        set_dispositions(*operand<SignalBits>(action), SIG_DFL);
        return true;
    case SPAWN_TEMPLATE_SIGMASK:
        return syscall(SYS_rt_sigprocmask, SIG_SETMASK, action.arg, nullptr, action.size) == 0;
    }
    errno = EINVAL;
    return false;
}

}  // namespace spawntpl::detail
