// SPDX-License-Identifier: MIT
#include "fault_table.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/syscall.h>

namespace spawntpl::tests {

namespace {

using enum Step;

// What no argument can cause here (EFAULT, EINVAL of constants), what the kernel restarts, and what
// the probe of a backend has to have seen (ENOSYS) are left out.
const CallFaults table[] = {
    // Files and descriptors.
    {SYS_openat,
     "openat",
     {EACCES, EINTR, EIO, ELOOP, EMFILE, ENFILE, ENOENT, ENOMEM, ENOTDIR, ENXIO, EPERM},
     {redirect, enter_directory, open_terminal, resolve_program},
     true},
    {SYS_close, "close", {EINTR, EIO}, {}, true, true},
    {SYS_fcntl,
     "fcntl",
     {EBADF, EMFILE, ENOMEM},
     {redirect, resolve_program, open_terminal, take_terminal, open_program},
     true},
    {SYS_dup2, "dup2", {EBADF, EBUSY, EINTR, EMFILE}, {}},
    {SYS_dup3, "dup3", {EBADF, EBUSY, EINTR, EMFILE}, {redirect, open_terminal}},
    {SYS_close_range, "close_range", {EMFILE, ENOMEM}, {Step::clone}, true},
    {SYS_pipe2, "pipe2", {EMFILE, ENFILE, ENOMEM}, {redirect}},
    {SYS_memfd_create, "memfd_create", {EMFILE, ENFILE, ENOMEM}, {redirect}},
    {SYS_pwrite64, "pwrite64", {EINTR, ENOSPC, ENOMEM, EIO}, {redirect}, true},
    {SYS_pread64, "pread64", {EINTR, EIO, EISDIR}, {}, true},
    {SYS_read, "read", {EIO, ESRCH}, {}, true},
    {SYS_getdents64, "getdents64", {EIO, ENOMEM}, {}, true},
    {SYS_newfstatat,
     "newfstatat",
     {EACCES, EIO, ELOOP, ENOENT, ENOMEM, EOVERFLOW},
     {resolve_program},
     true},
    {SYS_faccessat2, "faccessat2", {EACCES, EIO, ELOOP, ENOENT, ETXTBSY}, {resolve_program}, true},
    {SYS_readlink, "readlink", {EACCES, EIO, ENOENT, ENOMEM}, {}, true},
    {SYS_socketpair, "socketpair", {EMFILE, ENFILE, ENOMEM}, {}},
    {SYS_recvfrom, "recvfrom", {EINTR, ENOMEM}, {}, true},
    {SYS_getxattr, "getxattr", {EACCES, EIO, ENOMEM}, {}, true},
    {SYS_statfs, "statfs", {EACCES, EIO, ENOMEM}, {}, true},
    {SYS_inotify_init1, "inotify_init1", {EMFILE, ENFILE, ENOMEM}, {}, true},
    {SYS_inotify_add_watch, "inotify_add_watch", {EACCES, ENOMEM, ENOSPC}, {}, true},
    {SYS_poll, "poll", {EINTR, ENOMEM}, {}, true},
    {SYS_getcwd, "getcwd", {ENOENT, ENOMEM}, {resolve_program}},
    {SYS_fchdir, "fchdir", {EACCES, EIO, ENOENT}, {enter_directory}},
    {SYS_ioctl, "ioctl", {EIO, ENOTTY, EPERM}, {open_terminal, take_terminal, enter_foreground}},

    // The process, its resources and its rights.
    {SYS_umask, "umask", {}, {}},
    {SYS_setsid, "setsid", {EPERM}, {start_session}},
    {SYS_setpgid, "setpgid", {EACCES, EPERM, ESRCH}, {join_process_group}},
    {SYS_getpgid, "getpgid", {}, {}},
    {SYS_getpgrp, "getpgrp", {}, {}},
    {SYS_sched_yield, "sched_yield", {}, {}},
    {SYS_prlimit64, "prlimit64", {EINVAL, EPERM}, {set_limit}, true},
    {SYS_getpriority, "getpriority", {}, {}},
    {SYS_setpriority, "setpriority", {EACCES, EPERM}, {set_nice}},
    {SYS_sched_setattr, "sched_setattr", {EBUSY, EINVAL, EPERM}, {set_scheduler}},
    {SYS_sched_setscheduler, "sched_setscheduler", {EINVAL, EPERM}, {}},
    {SYS_sched_setaffinity, "sched_setaffinity", {EINVAL, ENOMEM, EPERM}, {set_affinity}},
    {SYS_sched_get_priority_min, "sched_get_priority_min", {}, {}},
    {SYS_sched_get_priority_max, "sched_get_priority_max", {}, {}},
    {SYS_setgroups, "setgroups", {ENOMEM, EPERM}, {set_ids}},
    {SYS_setresgid, "setresgid", {EAGAIN, EPERM}, {set_ids}},
    {SYS_setresuid, "setresuid", {EAGAIN, EPERM}, {set_ids}},
    {SYS_setuid, "setuid", {EAGAIN, EPERM}, {}},
    {SYS_setgid, "setgid", {EPERM}, {}},
    {SYS_getuid, "getuid", {}, {}},
    {SYS_geteuid, "geteuid", {}, {}},
    {SYS_getgid, "getgid", {}, {}},
    {SYS_getegid, "getegid", {}, {}},
    {SYS_prctl, "prctl", {EPERM}, {set_no_new_privileges, set_parent_death_signal}},
    {SYS_getpid, "getpid", {}, {}},
    {SYS_gettid, "gettid", {}, {}},
    {SYS_getppid, "getppid", {}, {}},
    {SYS_rt_sigaction, "rt_sigaction", {}, {}},
    {SYS_rt_sigprocmask, "rt_sigprocmask", {}, {}},

    // Birth, program and end.
    {SYS_clone3, "clone3", {EAGAIN, EMFILE, ENOMEM, ENOSPC, EPERM}, {Step::clone}, true},
    {SYS_clone, "clone", {EAGAIN, ENOMEM, EPERM}, {Step::clone}},
    {SYS_execve,
     "execve",
     {E2BIG, EACCES, EAGAIN, EINVAL, EIO, ELOOP, EMFILE, ENFILE, ENOENT, ENOEXEC, ENOMEM, ENOTDIR,
      EPERM, ETXTBSY},
     {execute}},
    {SYS_execveat,
     "execveat",
     {E2BIG, EACCES, EAGAIN, EINVAL, EIO, ELOOP, EMFILE, ENFILE, ENOENT, ENOEXEC, ENOMEM, EPERM,
      ETXTBSY},
     {execute}},
    {472,
     "spawn_template_create",
     {EACCES, EMFILE, ENFILE, ENOENT, ENOMEM, EPERM},
     {resolve_program, open_program}},
    {473,
     "spawn_template_spawn",
     {E2BIG, EAGAIN, EINTR, EMFILE, ENOMEM, EPERM},
     {request, Step::clone}},
    {SYS_exit, "exit", {}, {}},
    {SYS_exit_group, "exit_group", {}, {}},
    {SYS_waitid, "waitid", {EINTR}, {}, true},
    // By the C library, which has blocked all signals.
    {SYS_wait4, "wait4", {}, {}},
    {SYS_ppoll, "ppoll", {EINTR, ENOMEM}, {wait}, true},
    {SYS_kill, "kill", {EPERM, ESRCH}, {}, true},
    {SYS_pidfd_open, "pidfd_open", {EMFILE, ENFILE, ENOMEM}, {Step::clone}, true},
    {SYS_pidfd_send_signal, "pidfd_send_signal", {EPERM}, {send_signal}, true},

    // What the Supervisor waits with.
    {SYS_io_uring_setup, "io_uring_setup", {EMFILE, ENFILE, ENOMEM, EPERM}, {supervise}},
    {SYS_io_uring_register, "io_uring_register", {ENOMEM}, {supervise}, true},
    {SYS_epoll_create1, "epoll_create1", {EMFILE, ENFILE, ENOMEM}, {supervise}},

    // The C library's memory.
    {SYS_mmap, "mmap", {EAGAIN, ENOMEM}, {Step::clone, supervise}},
    {SYS_munmap, "munmap", {}, {}},
    {SYS_brk, "brk", {}, {}},
    {SYS_mprotect, "mprotect", {}, {}},
    {SYS_madvise, "madvise", {}, {}},
    {SYS_clock_gettime, "clock_gettime", {}, {}},
};

}  // namespace

const CallFaults* find_faults(long number) {
    const auto* found = std::ranges::find(table, number, &CallFaults::number);
    return found == std::end(table) ? nullptr : found;
}

}  // namespace spawntpl::tests
