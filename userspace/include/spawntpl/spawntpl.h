/* SPDX-License-Identifier: MIT */
#ifndef SPAWNTPL_SPAWNTPL_H
#define SPAWNTPL_SPAWNTPL_H

/**
 * @file
 * libspawntpl for C and for what calls C: prepare a program once, start it many times.
 *
 * Calls. Functions that can fail return 0 or a negative errno; errno itself means nothing after
 * them. A pointer that must not be null and is gives -EINVAL. -ENOMEM is possible everywhere and
 * changes nothing. No C++ exception leaves the library, and no function is a cancellation point of
 * pthread_cancel(3).
 *
 * Ownership. An object that a function stores through a pointer to a pointer is the caller's, to be
 * given to the _free function of its type; those take a null pointer, too. Strings and arrays that
 * are passed in are copied. Strings that are returned belong to the object they came from, or are
 * there as long as the program.
 *
 * Threads. Any number of threads may use one template, or read one command, at the same time. A
 * child, and a command that is being changed, belong to one thread at a time.
 *
 * Growth. A structure that may grow begins with its size, which the caller sets to what it was
 * built with: {.size = sizeof(struct ...)}. Zero in the other members is their default. A library
 * that knows less refuses what it does not know with -E2BIG; one that knows more takes the missing
 * members as zero.
 *
 * Systems. Linux 5.4 and later; what needs a later kernel says so.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** A program, found and prepared once. Immutable; any number of threads may start children. */
struct spawntpl_template;

/** What to start a template's program with. For any number of children, of any template. */
struct spawntpl_command;

/** A started process, owned by the program that started it. Used by one thread at a time. */
struct spawntpl_child;

/* --- errors ----------------------------------------------------------------------------------- */

/** What the library was doing when it failed. The numbers never change. */
enum spawntpl_step {
    SPAWNTPL_STEP_CHOOSE_BACKEND = 1,  /**< finding a backend that works and can do it */
    SPAWNTPL_STEP_RESOLVE_PROGRAM = 2, /**< finding and opening the program of a new template */
    SPAWNTPL_STEP_REQUEST = 3,         /**< checking the call, its arguments, the environment */
    SPAWNTPL_STEP_REDIRECT = 4,        /**< giving the child a descriptor */
    SPAWNTPL_STEP_ENTER_DIRECTORY = 5, /**< entering the working directory */
    SPAWNTPL_STEP_SET_UMASK = 6,       /**< setting the file mode creation mask */
    SPAWNTPL_STEP_OPEN_TERMINAL = 7,   /**< making a pseudo-terminal */
    SPAWNTPL_STEP_START_SESSION = 8,   /**< starting a session */
    SPAWNTPL_STEP_JOIN_PROCESS_GROUP = 9,       /**< joining or making a process group */
    SPAWNTPL_STEP_TAKE_TERMINAL = 10,           /**< making a terminal the controlling one */
    SPAWNTPL_STEP_ENTER_FOREGROUND = 11,        /**< making the group the foreground one */
    SPAWNTPL_STEP_SET_LIMIT = 12,               /**< setting a resource limit */
    SPAWNTPL_STEP_SET_NICE = 13,                /**< setting the nice value */
    SPAWNTPL_STEP_SET_SCHEDULER = 14,           /**< setting the scheduling policy */
    SPAWNTPL_STEP_SET_AFFINITY = 15,            /**< choosing the CPUs */
    SPAWNTPL_STEP_SET_IDS = 16,                 /**< setting user, group, other groups */
    SPAWNTPL_STEP_SET_NO_NEW_PRIVILEGES = 17,   /**< giving up new privileges */
    SPAWNTPL_STEP_SET_PARENT_DEATH_SIGNAL = 18, /**< setting the parent-death signal */
    SPAWNTPL_STEP_SET_SIGNALS = 19,             /**< setting signal mask and actions */
    SPAWNTPL_STEP_CLONE = 20,        /**< creating the process, in its cgroup and namespaces */
    SPAWNTPL_STEP_OPEN_PROGRAM = 21, /**< opening the program at the start of a child */
    SPAWNTPL_STEP_EXECUTE = 22,      /**< executing it */
    SPAWNTPL_STEP_WAIT = 23,         /**< waiting for a child */
    SPAWNTPL_STEP_SEND_SIGNAL = 24,  /**< sending a signal to a child */
    SPAWNTPL_STEP_READ_OUTPUT = 25,  /**< not in this interface: reading what a child writes */
    SPAWNTPL_STEP_SUPERVISE = 26     /**< not in this interface: watching many children */
};

/**
 * Why a call failed. Filled by the calls that are given one, only when they fail; needs no
 * clean-up.
 */
struct spawntpl_error {
    size_t size;  /**< sizeof(struct spawntpl_error), by the caller; less is -EINVAL */
    int code;     /**< the errno, positive */
    int step;     /**< an enum spawntpl_step */
    int index;    /**< place among the redirections or the resource limits, from 0; or -1 */
    int target;   /**< SPAWNTPL_STEP_REDIRECT: the child's descriptor; or -1 */
    int source;   /**< the caller's descriptor or directory where there is one; or -1 */
    int inferred; /**< 1: the system named no step, it was found by looking for the cause */
    char path[4096];    /**< program, directory, file or backend that it was about, or empty */
    char message[4608]; /**< one line for people, without a newline; cut off if longer */
};

/** A step's name, "enter_directory"; "unknown" for another number. Never null. */
const char *spawntpl_step_name(int step);

/** The version of the library: "0.1.0". */
const char *spawntpl_version(void);

/* --- backends --------------------------------------------------------------------------------- */

/** One way of starting processes. All pointers are valid as long as the program runs. */
struct spawntpl_backend {
    size_t size;                 /**< sizeof(struct spawntpl_backend), by the caller */
    const char *name;            /**< "kernel", "clone3", "posix_spawn" */
    const char *description;     /**< what it is */
    const char *reason;          /**< why it does not work here; null: it works */
    const char *const *features; /**< what it can do, some of spawntpl_backend_features() */
};

/**
 * Tells of the backend number @p index, from 0 in order of preference; -ENOENT past the last one.
 * They are probed once, at the first call of the library that needs it.
 */
int spawntpl_backend_get(size_t index, struct spawntpl_backend *backend);

/** What some backends can do and others cannot, in words; ends with a null pointer. */
const char *const *spawntpl_backend_features(void);

/* --- commands --------------------------------------------------------------------------------- */

/*
 * An empty command starts the program with no arguments but its name, the template's environment
 * or else the caller's, the caller's working directory, signal mask, limits and so on, its
 * descriptors 0, 1 and 2, and no other descriptor.
 *
 * Nothing is checked before the start, which names what is wrong: the calls below fail with
 * -ENOMEM or -EINVAL (null pointer) only, and then have changed nothing. In the child things
 * happen in the order in which they are listed here. Which backend can do what:
 * spawntpl_backend_get().
 */

/** Makes an empty command. */
int spawntpl_command_new(struct spawntpl_command **command);

/** Makes a copy. */
int spawntpl_command_copy(const struct spawntpl_command *from, struct spawntpl_command **command);

/** Frees it. Children that were started with it do not need it any more. */
void spawntpl_command_free(struct spawntpl_command *command);

/** Appends one argument. It may be empty. */
int spawntpl_command_arg(struct spawntpl_command *command, const char *value);

/** Replaces the arguments that follow argv[0] by @p values, which end with a null pointer. */
int spawntpl_command_args(struct spawntpl_command *command, const char *const *values);

/** argv[0]. The default is the program as the template was given it. */
int spawntpl_command_arg0(struct spawntpl_command *command, const char *value);

/** The whole environment: entries "NAME=value", which end with a null pointer. */
int spawntpl_command_env(struct spawntpl_command *command, const char *const *entries);

/**
 * A variable more, or another value for it, in whichever environment it is. An empty name, or one
 * with a "=", is -EINVAL at the start.
 */
int spawntpl_command_set_env(struct spawntpl_command *command, const char *name,
                             const char *value);

/** A variable less. */
int spawntpl_command_unset_env(struct spawntpl_command *command, const char *name);

/**
 * The child's working directory; a relative path starts at the caller's. Neither the program nor
 * redirections are looked up there. It is entered with the rights of the caller.
 */
int spawntpl_command_cwd(struct spawntpl_command *command, const char *path);

/**
 * As spawntpl_command_cwd(), but a relative path starts at the directory @p dirfd; the empty one
 * is @p dirfd itself.
 */
int spawntpl_command_cwd_at(struct spawntpl_command *command, int dirfd, const char *path);

/** The child's file mode creation mask, 0 to 0777. */
int spawntpl_command_umask(struct spawntpl_command *command, mode_t mask);

/** The child leads a new session, without a terminal, and a new process group. */
int spawntpl_command_new_session(struct spawntpl_command *command);

/** The child joins the process group @p group, or leads a new one if it is 0. */
int spawntpl_command_process_group(struct spawntpl_command *command, pid_t group);

/** The terminal @p fd of the caller becomes that of the child's session, which must be new. */
int spawntpl_command_controlling_terminal(struct spawntpl_command *command, int fd);

/**
 * The child's process group becomes the foreground one of the terminal @p fd of the caller, which
 * must be that of the child's session.
 */
int spawntpl_command_foreground(struct spawntpl_command *command, int fd);

/**
 * The child leads a new session on a new pseudo-terminal of that size, which is its descriptors 0,
 * 1 and 2 where no redirection says otherwise. The other side is spawntpl_child_terminal().
 */
int spawntpl_command_pseudo_terminal(struct spawntpl_command *command, unsigned short rows,
                                     unsigned short columns);

/*
 * Descriptors. All redirections happen at once: (1, 2) and (2, 1) swap the two. A second
 * redirection of one target replaces the first.
 */

/** The child's @p target is the caller's @p source, which is looked at at the start. */
int spawntpl_command_fd(struct spawntpl_command *command, int target, int source);

/**
 * The child's @p target is a file that is opened at the start of each child, with @p flags and
 * @p mode as for open(2). The backends "clone3" and "posix_spawn" open and close it in the caller,
 * which gives up the POSIX record locks that the caller has on that file.
 */
int spawntpl_command_file(struct spawntpl_command *command, int target, const char *path,
                          int flags, mode_t mode);

/** The child's @p target is /dev/null, for reading and writing. */
int spawntpl_command_null(struct spawntpl_command *command, int target);

/** The child reads from @p target what the caller writes to spawntpl_child_pipe(). */
int spawntpl_command_pipe_to_child(struct spawntpl_command *command, int target);

/** The caller reads from spawntpl_child_pipe() what the child writes to @p target. */
int spawntpl_command_pipe_from_child(struct spawntpl_command *command, int target);

/**
 * The child reads these bytes from its standard input, then the end of file. They wait in memory:
 * neither a thread nor a pipe is needed, whatever their number up to the caller's RLIMIT_FSIZE;
 * more are -EFBIG at the start. @p bytes may be null if @p count is 0.
 */
int spawntpl_command_input(struct spawntpl_command *command, const void *bytes, size_t count);

/** The child's @p target is what its @p other is, as the shell's 2>&1 for (2, 1). */
int spawntpl_command_same_as(struct spawntpl_command *command, int target, int other);

/** The child does not have @p target. */
int spawntpl_command_close(struct spawntpl_command *command, int target);

/**
 * Pass on every descriptor of the caller that is not close-on-exec, besides the redirections.
 * Other threads' descriptors may be among them.
 */
int spawntpl_command_inherit_fds(struct spawntpl_command *command, bool inherit);

/** A resource limit, as for setrlimit(2); a second one for the same resource replaces the first. */
int spawntpl_command_limit(struct spawntpl_command *command, int resource, uint64_t soft,
                           uint64_t hard);

/** The nice value itself, -20 to 19, not an increment. */
int spawntpl_command_nice(struct spawntpl_command *command, int value);

/** The scheduling policy, as for sched_setscheduler(2). */
int spawntpl_command_scheduler(struct spawntpl_command *command, int policy, int priority);

/** The CPUs that the child may run on, @p count numbers from 0. */
int spawntpl_command_affinity(struct spawntpl_command *command, const int *cpus, size_t count);

/**
 * The effective user and group ids become the real ones; with the backend "posix_spawn" before
 * anything else, so that the working directory is entered with these.
 */
int spawntpl_command_reset_ids(struct spawntpl_command *command);

/** The supplementary groups; @p ids may be null if @p count is 0. */
int spawntpl_command_groups(struct spawntpl_command *command, const gid_t *ids, size_t count);

/** The real, effective and saved group id. Supplementary groups stay. */
int spawntpl_command_group(struct spawntpl_command *command, gid_t id);

/** The real, effective and saved user id. */
int spawntpl_command_user(struct spawntpl_command *command, uid_t id);

/** Neither the child nor its children gain rights by executing set-user-ID programs. */
int spawntpl_command_no_new_privileges(struct spawntpl_command *command);

/** Whose end the parent-death signal tells of. */
enum spawntpl_parent_death {
    /**
     * This program's. The kernel looks at the thread that started the child: such a child can only
     * be started by the main thread, from any other it is -EINVAL.
     */
    SPAWNTPL_PARENT_DEATH_PROGRAM = 0,
    /** The thread's that starts the child, even while the program goes on. */
    SPAWNTPL_PARENT_DEATH_THREAD = 1
};

/**
 * The signal that the child gets when the program or the thread that starts it ends; @p of is an
 * enum spawntpl_parent_death, any other number is -EINVAL. A program that gains rights at its
 * start does not get it.
 */
int spawntpl_command_parent_death_signal(struct spawntpl_command *command, int signal, int of);

/** The bit of a signal, 1 to 64, in a set. 32 and 33 are the C library's, and left out. */
#define SPAWNTPL_SIGNAL(number) ((uint64_t)1 << ((number) - 1))

/**
 * Signals that the child starts with at their default action. Other signals which the caller
 * ignores stay ignored.
 */
int spawntpl_command_signal_defaults(struct spawntpl_command *command, uint64_t signals);

/** The signals that the child starts with blocked; the default is the calling thread's mask. */
int spawntpl_command_signal_mask(struct spawntpl_command *command, uint64_t signals);

/**
 * The child is born in the cgroup v2 that the caller's descriptor @p fd is the directory of; it
 * has never been in another (Linux 5.7).
 */
int spawntpl_command_cgroup(struct spawntpl_command *command, int fd);

/**
 * The child is born in new namespaces: CLONE_NEWNS and so on, see namespaces(7). The ids of a new
 * user namespace have no mapping until the caller writes one.
 */
int spawntpl_command_namespaces(struct spawntpl_command *command, int flags);

/**
 * The start may return before the program runs. If it does not come to run after that, the child
 * ends with status 127. Backends that always wait go on to do so.
 */
int spawntpl_command_return_early(struct spawntpl_command *command);

/* --- templates -------------------------------------------------------------------------------- */

/**
 * Whether children may be copies of a program that is loaded, linked and initialised already:
 * spawntpl(7) says what is different then. Where no kernel keeps it, a process does, a child of the
 * caller, which wait(2) for any child sees, unless there is a broker.
 */
enum spawntpl_warm {
    SPAWNTPL_WARM_NEVER = 0,   /**< nothing of it is loaded */
    SPAWNTPL_WARM_ALLOWED = 1, /**< see spawntpl_child_why_not_warm() */
    SPAWNTPL_WARM_REQUIRED = 2 /**< a start that cannot be warm is -ENOTSUP, with the reason */
};

/** How to prepare a program. */
struct spawntpl_template_options {
    size_t size; /**< sizeof(struct spawntpl_template_options), by the caller */

    /**
     * Name of the backend to use. Null or empty: the environment variable SPAWNTPL_BACKEND (not
     * read by set-user-ID programs) and, without that, the first backend that works here and can
     * do what the command asks for. A forced backend that does not work here, or cannot do it, is
     * an error.
     */
    const char *backend;

    /**
     * The environment of children whose command has none, ending with a null pointer: prepared
     * once, and not for each child. Null: the caller's as it is at their start; no other thread may
     * change that at that moment.
     */
    const char *const *env;

    /** What a start without a command starts. Copied; null is an empty one. */
    const struct spawntpl_command *command;

    /** An enum spawntpl_warm; another number is -EINVAL. */
    uint64_t warm;

    /** After so many warm starts the program is captured anew; 0: 1,000. */
    uint64_t recapture_starts;

    /**
     * At the first start so many milliseconds after it was captured, or SPAWNTPL_FOREVER, it is
     * captured anew; 0: ten minutes. A negative number is -EINVAL.
     */
    int64_t recapture_ms;

    /**
     * For a program that calls spawntpl_ready() of <spawntpl/ready.h>: the arguments with which it
     * comes there, ending with a null pointer. Null: children are copies of the program as it is
     * before its main().
     */
    const char *const *ready_args;

    /**
     * 1: warm children, and what they are copies of, are children of another process, the template's
     * broker, and none of the caller's; 0: they are the caller's. Another number is -EINVAL, and so
     * is 1 with SPAWNTPL_WARM_NEVER. See spawntpl(7).
     */
    uint64_t broker;
};

/**
 * Prepares the program @p program. A name without a slash is searched in the caller's PATH now, by
 * the rules of execvp(3), and never again; a relative path starts at the caller's present working
 * directory, wherever children start later.
 *
 * When the file is deleted or another one is put in its place, later starts look at the path
 * again. Which file starts after the old one was only renamed depends on the backend.
 *
 * @p options and @p error may be null.
 */
int spawntpl_template_open(const char *program, const struct spawntpl_template_options *options,
                           struct spawntpl_template **result, struct spawntpl_error *error);

/**
 * Prepares the executable that @p fd refers to; the caller keeps @p fd. @p name is argv[0] unless
 * a command says otherwise. A "#!" script is refused (-ENOEXEC), because its interpreter could
 * only be given a path. @p options and @p error may be null.
 */
int spawntpl_template_from_fd(int fd, const char *name,
                              const struct spawntpl_template_options *options,
                              struct spawntpl_template **result, struct spawntpl_error *error);

/** Frees it. Its children go on. */
void spawntpl_template_free(struct spawntpl_template *program);

/**
 * Starts a child; a null @p command is that of the options. Returns when the program runs in it,
 * or with the reason why it does not; then no process is left behind. What no backend that may be
 * used can do is -ENOTSUP. @p error may be null.
 */
int spawntpl_template_spawn(const struct spawntpl_template *program,
                            const struct spawntpl_command *command, struct spawntpl_child **child,
                            struct spawntpl_error *error);

/**
 * Starts a child for each of the @p count commands, none of them null, as
 * spawntpl_template_spawn() does, one after another. Each stands for itself: @p children
 * gets one for each that was started, and null for one that failed. 0 if all were started, else
 * the negative errno of the first that failed, which @p error is about. @p error may be null.
 */
int spawntpl_template_spawn_all(const struct spawntpl_template *program,
                                const struct spawntpl_command *const *commands, size_t count,
                                struct spawntpl_child **children, struct spawntpl_error *error);

/** Makes a copy of the command of the options, to be changed for a start of its own. */
int spawntpl_template_command(const struct spawntpl_template *program,
                              struct spawntpl_command **command);

/** The absolute path of the program; for spawntpl_template_from_fd() the given name. */
const char *spawntpl_template_program(const struct spawntpl_template *program);

/**
 * The name of the backend that starts the children, but for those whose command needs another:
 * see spawntpl_child_backend().
 */
const char *spawntpl_template_backend(const struct spawntpl_template *program);

/* --- children --------------------------------------------------------------------------------- */

/** How a child ended, and what it and those of its children that it waited for used. */
struct spawntpl_status {
    size_t size;             /**< sizeof(struct spawntpl_status), by the caller; less is -EINVAL */
    uint64_t user_time_us;   /**< microseconds */
    uint64_t system_time_us; /**< microseconds */
    uint64_t max_rss;        /**< bytes */
    int code;                /**< its exit code, or -1 if a signal killed it */
    int signal;              /**< the signal that killed it, or 0 */
    int core_dumped;         /**< 1: the signal made a core dump */
};

/** No limit of time. */
#define SPAWNTPL_FOREVER INT64_MAX

/** Bits of spawntpl_stop_policy::flags. */
enum spawntpl_stop_flags {
    SPAWNTPL_STOP_TREE = 1 /**< signal all descendants, as spawntpl_child_kill_tree() finds them */
};

/**
 * How to end a child: wait for it, then SIGTERM and wait, then SIGKILL and wait. Times are in
 * milliseconds or SPAWNTPL_FOREVER; what is 0 is left out, what is negative is -EINVAL. A child
 * that ends earlier is not signalled any more.
 */
struct spawntpl_stop_policy {
    size_t size;          /**< sizeof(struct spawntpl_stop_policy), by the caller */
    int64_t wait_ms;      /**< wait before any signal */
    int64_t terminate_ms; /**< after SIGTERM */
    int64_t kill_ms;      /**< after SIGKILL; not long, unless the kernel holds the process */
    uint64_t flags;       /**< of enum spawntpl_stop_flags; an unknown one is -EINVAL */
};

/**
 * Lets go of a child: does what spawntpl_child_stop_at_end() said. Without that it neither kills
 * nor waits for the process: if it has ended by then it is reaped; otherwise it runs on as an
 * ordinary child that nobody waits for, and stays a zombie from its end to the end of this program.
 * Closes the pipes and the terminal that were not taken.
 */
void spawntpl_child_free(struct spawntpl_child *child);

/** Its process id. */
pid_t spawntpl_child_pid(const struct spawntpl_child *child);

/**
 * A close-on-exec pidfd, readable when the child has ended, and the child's own; -1 after
 * spawntpl_child_detach().
 */
int spawntpl_child_pidfd(const struct spawntpl_child *child);

/** The name of the backend that started it. */
const char *spawntpl_child_backend(const struct spawntpl_child *child);

/**
 * 1 if it is the child of its template's broker, which wait(2) does not know, else 0. See
 * spawntpl(7).
 */
int spawntpl_child_has_broker(const struct spawntpl_child *child);

/** Why it was not started by the first warm backend that its template may use; else empty. */
const char *spawntpl_child_why_not_warm(const struct spawntpl_child *child);

/**
 * The caller's end of the pipe that is the child's descriptor @p target, or -1. Close-on-exec and
 * blocking. The child owns it.
 */
int spawntpl_child_pipe(const struct spawntpl_child *child, int target);

/**
 * As spawntpl_child_pipe(), but the caller owns it from now on; closing that of
 * spawntpl_command_pipe_to_child() is the end of the child's file.
 */
int spawntpl_child_take_pipe(struct spawntpl_child *child, int target);

/**
 * The caller's side of the pseudo-terminal, or -1. The child owns it. Reading it fails with EIO
 * when no process has the other side open.
 */
int spawntpl_child_terminal(const struct spawntpl_child *child);

/** As spawntpl_child_terminal(), but the caller owns it from now on. */
int spawntpl_child_take_terminal(struct spawntpl_child *child);

/**
 * Blocks until the child ends. Later calls return the same status at once. @p status and @p error
 * may be null. If this program ignores SIGCHLD, or something else in it reaps every child, it is
 * -ECHILD.
 */
int spawntpl_child_wait(struct spawntpl_child *child, struct spawntpl_status *status,
                        struct spawntpl_error *error);

/** As spawntpl_child_wait(), but -EAGAIN at once while the child runs. */
int spawntpl_child_try_wait(struct spawntpl_child *child, struct spawntpl_status *status,
                            struct spawntpl_error *error);

/** As spawntpl_child_wait(), but -ETIMEDOUT after so many nanoseconds. Sleeps; does not poll. */
int spawntpl_child_wait_for(struct spawntpl_child *child, int64_t nanoseconds,
                            struct spawntpl_status *status, struct spawntpl_error *error);

/**
 * As spawntpl_child_wait(), but -ETIMEDOUT when CLOCK_MONOTONIC shows so many nanoseconds. Sleeps;
 * does not poll.
 */
int spawntpl_child_wait_until(struct spawntpl_child *child, int64_t monotonic_ns,
                              struct spawntpl_status *status, struct spawntpl_error *error);

/**
 * Sends a signal through the pidfd: it never reaches another process that got the same pid. A
 * child that was waited for is -ESRCH. @p error may be null.
 */
int spawntpl_child_send_signal(const struct spawntpl_child *child, int signal,
                               struct spawntpl_error *error);

/** Sends SIGKILL; wait for the child to reap it. @p error may be null. */
int spawntpl_child_kill(const struct spawntpl_child *child, struct spawntpl_error *error);

/**
 * Sends SIGKILL to the child and all its descendants. They are stopped first, so that none can
 * have further children meanwhile. A descendant whose parent has ended is found if it is in a
 * process group or session that another one of them leads. What may have left both has to be held
 * by a cgroup: see spawntpl_command_cgroup() and cgroup.kill of cgroups(7). Wait for the child to
 * reap it. @p error may be null.
 */
int spawntpl_child_kill_tree(const struct spawntpl_child *child, struct spawntpl_error *error);

/**
 * Ends the child as @p policy says and waits for it; -ETIMEDOUT if it still runs then. @p status
 * and @p error may be null.
 */
int spawntpl_child_stop(struct spawntpl_child *child, const struct spawntpl_stop_policy *policy,
                        struct spawntpl_status *status, struct spawntpl_error *error);

/** What spawntpl_child_free() is to do. That may block, for the times of the policy. */
int spawntpl_child_stop_at_end(struct spawntpl_child *child,
                               const struct spawntpl_stop_policy *policy);

/**
 * Lets the process go: nothing of this program waits for it or ends it any more. It stays a zombie
 * from its end to the end of this program, unless something else reaps it.
 */
void spawntpl_child_detach(struct spawntpl_child *child);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
