/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Spawn templates: prepare an executable once, start it many times.
 */
#ifndef _UAPI_LINUX_SPAWN_TEMPLATE_H
#define _UAPI_LINUX_SPAWN_TEMPLATE_H

#include <linux/openat2.h>
#include <linux/types.h>

/*
 * Every structure here may grow at its end.  The system calls take the size
 * that the caller was built with: a kernel that knows less refuses a non-zero
 * tail with E2BIG, a kernel that knows more reads the missing tail as zero.
 */

/**
 * DOC: the file of a template
 *
 * A template stands for the file that the path led to when it was made, and
 * keeps it as an O_PATH descriptor would.  Each start opens it anew: it sees
 * what has been written meanwhile, and makes every check of execve(2) with the
 * rights of the child.  When the file has lost the name it was found by, because
 * it was unlinked or another file was renamed over it, a start fails with
 * ESTALE: look the path up again.  A file that was merely renamed, or reached
 * through a symbolic link that changed since, is still the template's.
 *
 * The interpreter of a script, or of what binfmt_misc starts, opens the file by
 * its name: the path that was given to spawn_template_create(), or /dev/fd/N for
 * a file that was given by descriptor N, as execveat(2) makes it up.  If in the
 * child, after its actions, that name leads to another file, or through a
 * close-on-exec descriptor, a start fails with ENOENT, or with ESTALE as above;
 * if it leads nowhere, with the error of the lookup.
 */

/**
 * enum spawn_template_action_type - what an action does in the child
 * @SPAWN_TEMPLATE_CLOSE: Close @fd.  That it is not open is no error.
 * @SPAWN_TEMPLATE_CLOSE_RANGE: Close the descriptors @fd to @newfd, inclusive,
 *                              as close_range(2); a @newfd of -1 is the
 *                              highest there is.  With the flag
 *                              SPAWN_TEMPLATE_RANGE_CLOEXEC they are closed by
 *                              the exec.
 * @SPAWN_TEMPLATE_DUP2: Make @newfd refer to what @fd refers to, as dup2(2);
 *                       @newfd is not close-on-exec, even when it equals @fd.
 * @SPAWN_TEMPLATE_OPEN: Open a file as @newfd.  @arg is the address of a
 *                       &struct spawn_template_open, @size its size, @fd the
 *                       directory where a relative path starts or AT_FDCWD.
 * @SPAWN_TEMPLATE_CHDIR: Make the directory with the path at @arg, a string,
 *                        the working directory.
 * @SPAWN_TEMPLATE_FCHDIR: Make the directory @fd the working directory.
 * @SPAWN_TEMPLATE_UMASK: Set the file mode creation mask to @arg, 0 to 0777.
 * @SPAWN_TEMPLATE_SIGMASK: Block exactly the signals of the set at @arg,
 *                          @size bytes long as for rt_sigprocmask(2).
 * @SPAWN_TEMPLATE_SIGDEFAULT: Reset the signals of the set at @arg to their
 *                             default action, ignored ones too; all signals if
 *                             @arg and @size are 0.
 * @SPAWN_TEMPLATE_SETSID: Start a session, as setsid(2).
 * @SPAWN_TEMPLATE_SETCTTY: Make the terminal @fd the controlling terminal of
 *                          the session that the child leads, as TIOCSCTTY.
 * @SPAWN_TEMPLATE_SETPGID: Join the process group @arg, or lead a new one if it
 *                          is 0, as setpgid(2).
 * @SPAWN_TEMPLATE_TCSETPGRP: Make the process group @arg, or that of the child
 *                            if it is 0, the foreground one of the controlling
 *                            terminal @fd, as tcsetpgrp(3).
 * @SPAWN_TEMPLATE_RESETIDS: Set the effective user and group id to the real
 *                           ones.
 * @SPAWN_TEMPLATE_SETIDS: Set supplementary groups, group ids and user ids, in
 *                         this order, as the &struct spawn_template_ids at @arg
 *                         of @size bytes says.
 * @SPAWN_TEMPLATE_SETSCHED: Set the scheduling policy and parameters to the
 *                           &struct sched_attr at @arg of @size bytes, as
 *                           sched_setattr(2), without SCHED_FLAG_KEEP_ALL.
 * @SPAWN_TEMPLATE_NICE: Set the nice value to @arg, -20 to 19 as a signed
 *                       number, as setpriority(2).
 * @SPAWN_TEMPLATE_AFFINITY: Run on the CPUs of the set at @arg, @size bytes long
 *                           as for sched_setaffinity(2).
 * @SPAWN_TEMPLATE_RLIMIT: Set a resource limit, as the &struct
 *                         spawn_template_rlimit at @arg of @size bytes says.
 * @SPAWN_TEMPLATE_PDEATHSIG: Send the child the signal @arg when the thread
 *                            that called spawn_template_spawn() ends, as
 *                            PR_SET_PDEATHSIG; at once, if it has ended already.
 * @SPAWN_TEMPLATE_NO_NEW_PRIVS: Set no_new_privs, as PR_SET_NO_NEW_PRIVS.
 *
 * A descriptor that an action reads is the caller's, as it is at the time of
 * the call, unless an earlier action of the child wrote or closed that number;
 * then it is the child's.
 *
 * seccomp filters of the child see each action as the system call that it
 * stands in for, SIGDEFAULT as one for each signal, and the exec as execveat(2).
 * In place of an address they see all bits set.
 */
enum spawn_template_action_type {
	SPAWN_TEMPLATE_CLOSE		= 1,
	SPAWN_TEMPLATE_CLOSE_RANGE	= 2,
	SPAWN_TEMPLATE_DUP2		= 3,
	SPAWN_TEMPLATE_OPEN		= 4,
	SPAWN_TEMPLATE_CHDIR		= 5,
	SPAWN_TEMPLATE_FCHDIR		= 6,
	SPAWN_TEMPLATE_UMASK		= 7,
	SPAWN_TEMPLATE_SIGMASK		= 8,
	SPAWN_TEMPLATE_SIGDEFAULT	= 9,
	SPAWN_TEMPLATE_SETSID		= 10,
	SPAWN_TEMPLATE_SETCTTY		= 11,
	SPAWN_TEMPLATE_SETPGID		= 12,
	SPAWN_TEMPLATE_TCSETPGRP	= 13,
	SPAWN_TEMPLATE_RESETIDS		= 14,
	SPAWN_TEMPLATE_SETIDS		= 15,
	SPAWN_TEMPLATE_SETSCHED		= 16,
	SPAWN_TEMPLATE_NICE		= 17,
	SPAWN_TEMPLATE_AFFINITY		= 18,
	SPAWN_TEMPLATE_RLIMIT		= 19,
	SPAWN_TEMPLATE_PDEATHSIG	= 20,
	SPAWN_TEMPLATE_NO_NEW_PRIVS	= 21,
};

/* Flag of SPAWN_TEMPLATE_CLOSE_RANGE, the same as CLOSE_RANGE_CLOEXEC. */
#define SPAWN_TEMPLATE_RANGE_CLOEXEC	(1U << 2)

/**
 * struct spawn_template_action - one step between the child's birth and exec
 * @type: One of &enum spawn_template_action_type.
 * @flags: SPAWN_TEMPLATE_RANGE_CLOEXEC where it applies, else 0.
 * @fd: The descriptor that the action reads or closes, else 0.
 * @newfd: The descriptor that the action writes, else 0.
 * @arg: A number, or the address of the action's operand, else 0.
 * @size: Size of the operand in bytes, else 0.
 */
struct spawn_template_action {
	__u32 type;
	__u32 flags;
	__s32 fd;
	__s32 newfd;
	__aligned_u64 arg;
	__aligned_u64 size;
};

#define SPAWN_TEMPLATE_ACTION_SIZE_VER0		32

/* The longest list of actions; a longer one is E2BIG. */
#define SPAWN_TEMPLATE_MAX_ACTIONS		256

/**
 * struct spawn_template_open - operand of SPAWN_TEMPLATE_OPEN
 * @path: Address of the path, a string.
 * @how: As for openat2(2); O_CLOEXEC applies to @newfd.
 */
struct spawn_template_open {
	__aligned_u64 path;
	struct open_how how;
};

#define SPAWN_TEMPLATE_OPEN_SIZE_VER0		32

/* Fields of struct spawn_template_ids that are to be set. */
#define SPAWN_TEMPLATE_IDS_UID		(1U << 0)
#define SPAWN_TEMPLATE_IDS_GID		(1U << 1)
#define SPAWN_TEMPLATE_IDS_GROUPS	(1U << 2)

/**
 * struct spawn_template_ids - operand of SPAWN_TEMPLATE_SETIDS
 * @flags: What to set: SPAWN_TEMPLATE_IDS_* flags, at least one.
 * @uid: The real, effective and saved user id, else 0.
 * @gid: The real, effective and saved group id, else 0.
 * @nr_groups: Number of supplementary groups, else 0.
 * @groups: Address of an array of supplementary group ids, __u32 each, else 0.
 */
struct spawn_template_ids {
	__u32 flags;
	__u32 uid;
	__u32 gid;
	__u32 nr_groups;
	__aligned_u64 groups;
};

#define SPAWN_TEMPLATE_IDS_SIZE_VER0		24

/**
 * struct spawn_template_rlimit - operand of SPAWN_TEMPLATE_RLIMIT
 * @resource: Which limit: RLIMIT_CPU and so on.
 * @reserved: 0.
 * @cur: The soft limit; all bits set is no limit.
 * @max: The hard limit; all bits set is no limit.
 */
struct spawn_template_rlimit {
	__u32 resource;
	__u32 reserved;
	__aligned_u64 cur;
	__aligned_u64 max;
};

#define SPAWN_TEMPLATE_RLIMIT_SIZE_VER0		24

/**
 * enum spawn_template_step - where a call failed
 * @SPAWN_TEMPLATE_STEP_NONE: It did not fail.
 * @SPAWN_TEMPLATE_STEP_REQUEST: Reading or checking the request, its
 *                               arguments or its environment.
 * @SPAWN_TEMPLATE_STEP_DEFAULT_ACTION: Checking or running the default action
 *                                      of the template with the number in the
 *                                      error_index of the arguments.
 * @SPAWN_TEMPLATE_STEP_ACTION: Checking or running the action of the start with
 *                              that number.
 * @SPAWN_TEMPLATE_STEP_CLONE: Creating the process, in its cgroup, or its pidfd.
 * @SPAWN_TEMPLATE_STEP_OPEN: Finding or opening the executable.
 * @SPAWN_TEMPLATE_STEP_EXEC: Executing it.
 * @SPAWN_TEMPLATE_STEP_WARM: Capturing the image of a warm template, or starting
 *                            from it what is not to be started otherwise.
 */
enum spawn_template_step {
	SPAWN_TEMPLATE_STEP_NONE		= 0,
	SPAWN_TEMPLATE_STEP_REQUEST		= 1,
	SPAWN_TEMPLATE_STEP_DEFAULT_ACTION	= 2,
	SPAWN_TEMPLATE_STEP_ACTION		= 3,
	SPAWN_TEMPLATE_STEP_CLONE		= 4,
	SPAWN_TEMPLATE_STEP_OPEN		= 5,
	SPAWN_TEMPLATE_STEP_EXEC		= 6,
	SPAWN_TEMPLATE_STEP_WARM		= 7,
};

/**
 * DOC: warm templates
 *
 * All children of a warm template share the layout of their address space.
 *
 * With SPAWN_TEMPLATE_WARM, spawn_template_create() runs the program once, in a
 * captive: a child with the rights of the caller, the environment of the
 * template and no descriptors, that ends where the program would begin.  By
 * then the dynamic linker has done its work and constructors have run.  The
 * template keeps a copy of the captive's memory, and its children start with
 * copies of that, of which nothing but AT_RANDOM and the stack protector's
 * canary is made anew.
 *
 * A start that could turn out differently from an exec by the child is not
 * made from the image but by that exec; &enum spawn_template_start says why.
 * What is not compared are the arguments, the working directory, variables that
 * nothing but constructors read, and what these find in procfs and sysfs.
 *
 * To renew an image, make another template.
 */

/**
 * enum spawn_template_start - how a child was started, or why it was not warm
 * @SPAWN_TEMPLATE_START_COLD: By exec, as the template is not warm; or it is
 *                             not known, as the caller did not wait.
 * @SPAWN_TEMPLATE_START_WARM: With a copy of the image.
 * @SPAWN_TEMPLATE_COLD_FORBIDDEN: The sysctl fs.spawn_template_warm is 0.
 * @SPAWN_TEMPLATE_COLD_EXPIRED: The image has reached the age or the number of
 *                               starts that its creator set.
 * @SPAWN_TEMPLATE_COLD_FORMAT: It is not this executable that is run but its
 *                              interpreter, or it is no 64-bit ELF file.
 * @SPAWN_TEMPLATE_COLD_TRACED: The child or the captive is traced.
 * @SPAWN_TEMPLATE_COLD_CREDENTIALS: The child has other credentials, or another
 *                                   security label, than the captive had.
 * @SPAWN_TEMPLATE_COLD_PRIVILEGED: The program gains privileges.
 * @SPAWN_TEMPLATE_COLD_NAMESPACES: Another namespace or root directory; or the
 *                                  captive would be the first process of a pid
 *                                  namespace, which would end with it.
 * @SPAWN_TEMPLATE_COLD_SECCOMP: Other seccomp filters or no_new_privs.
 * @SPAWN_TEMPLATE_COLD_PERSONALITY: Another personality or randomization.
 * @SPAWN_TEMPLATE_COLD_LIMITS: Another limit of stack, data or address space.
 * @SPAWN_TEMPLATE_COLD_MEMORY: What a child inherits for its memory, such as
 *                              that it has no huge pages, is different.
 * @SPAWN_TEMPLATE_COLD_FILES: A file of the image was changed, or replaced, or
 *                             may change unseen; or a name that the captive has
 *                             looked up leads elsewhere.
 * @SPAWN_TEMPLATE_COLD_WATCHED: A program has a say in who opens the files.
 * @SPAWN_TEMPLATE_COLD_PROBED: The image has uprobes.
 * @SPAWN_TEMPLATE_COLD_ARGUMENTS: argv[0] is not the captive's, or arguments
 *                                 and environment do not fit into the image.
 * @SPAWN_TEMPLATE_COLD_ENVIRONMENT: A variable that the dynamic linker or the C
 *                                   library reads by itself is different.
 * @SPAWN_TEMPLATE_COLD_EXITED: The captive exited, with the status in
 *                              cold_detail.
 * @SPAWN_TEMPLATE_COLD_KILLED: The captive died of the signal in cold_detail.
 * @SPAWN_TEMPLATE_COLD_TIMEOUT: The captive took too long.
 * @SPAWN_TEMPLATE_COLD_SYSCALL: The captive wanted to make the system call in
 *                               cold_detail, whose effect no copy of its memory
 *                               would show.
 * @SPAWN_TEMPLATE_COLD_UNFIT: The captive has memory, a descriptor or registers
 *                             that a copy would not have as they are, or keeps
 *                             what it found in its environment.
 * @SPAWN_TEMPLATE_COLD_FAILED: There is no captive, or no copy of its memory,
 *                              for the errno in cold_detail.
 *
 * spawn_template_create() gives the reasons from FORBIDDEN on for why a template
 * is not warm, spawn_template_spawn() those up to ENVIRONMENT for why a start of
 * a warm template was not.
 */
enum spawn_template_start {
	SPAWN_TEMPLATE_START_COLD		= 0,
	SPAWN_TEMPLATE_START_WARM		= 1,
	SPAWN_TEMPLATE_COLD_FORBIDDEN		= 2,
	SPAWN_TEMPLATE_COLD_EXPIRED		= 3,
	SPAWN_TEMPLATE_COLD_FORMAT		= 4,
	SPAWN_TEMPLATE_COLD_TRACED		= 5,
	SPAWN_TEMPLATE_COLD_CREDENTIALS		= 6,
	SPAWN_TEMPLATE_COLD_PRIVILEGED		= 7,
	SPAWN_TEMPLATE_COLD_NAMESPACES		= 8,
	SPAWN_TEMPLATE_COLD_SECCOMP		= 9,
	SPAWN_TEMPLATE_COLD_PERSONALITY		= 10,
	SPAWN_TEMPLATE_COLD_LIMITS		= 11,
	SPAWN_TEMPLATE_COLD_MEMORY		= 12,
	SPAWN_TEMPLATE_COLD_FILES		= 13,
	SPAWN_TEMPLATE_COLD_WATCHED		= 14,
	SPAWN_TEMPLATE_COLD_PROBED		= 15,
	SPAWN_TEMPLATE_COLD_ARGUMENTS		= 16,
	SPAWN_TEMPLATE_COLD_ENVIRONMENT		= 17,
	SPAWN_TEMPLATE_COLD_EXITED		= 18,
	SPAWN_TEMPLATE_COLD_KILLED		= 19,
	SPAWN_TEMPLATE_COLD_TIMEOUT		= 20,
	SPAWN_TEMPLATE_COLD_SYSCALL		= 21,
	SPAWN_TEMPLATE_COLD_UNFIT		= 22,
	SPAWN_TEMPLATE_COLD_FAILED		= 23,
};

/**
 * DOC: spawn_template_create flags
 *
 * SPAWN_TEMPLATE_DIRFD
 *     &spawn_template_create_args.dirfd holds a descriptor.  Without this
 *     flag a relative path starts at the current working directory, so that
 *     a zeroed structure plus a path is a complete request.
 *
 * SPAWN_TEMPLATE_WARM
 *     Make the template warm; if that is not possible it is cold, and
 *     &spawn_template_create_args.cold_reason says why.
 *
 * SPAWN_TEMPLATE_REQUIRE_WARM
 *     Together with SPAWN_TEMPLATE_WARM: if that is not possible, fail at
 *     SPAWN_TEMPLATE_STEP_WARM.  The error is EPERM for FORBIDDEN, ETIMEDOUT for
 *     TIMEOUT, the one in cold_detail for FAILED, else EOPNOTSUPP.
 */
#define SPAWN_TEMPLATE_DIRFD		(1ULL << 0)
#define SPAWN_TEMPLATE_WARM		(1ULL << 1)
#define SPAWN_TEMPLATE_REQUIRE_WARM	(1ULL << 2)

/* How long a captive may take if its creator does not say. */
#define SPAWN_TEMPLATE_WARM_TIMEOUT_MS	10000

/**
 * struct spawn_template_create_args - what spawn_template_create() prepares
 * @flags: SPAWN_TEMPLATE_DIRFD, SPAWN_TEMPLATE_WARM and
 *         SPAWN_TEMPLATE_REQUIRE_WARM or 0.
 * @path: Address of the path of the executable, a string.
 * @dirfd: With SPAWN_TEMPLATE_DIRFD, the directory where a relative @path
 *         starts or, with AT_EMPTY_PATH and an empty @path, the executable
 *         itself.  Otherwise 0 or AT_FDCWD.
 * @at_flags: AT_EMPTY_PATH and AT_SYMLINK_NOFOLLOW, as in execveat(2).
 * @envp: Address of an environment vector, as for execve(2), that is copied
 *        into the template for starts that do not bring their own; 0 is an
 *        empty environment.
 * @actions: Address of an array of &struct spawn_template_action, the default
 *           actions: every child runs them before those of its own start.
 *           Their operands are read now, their descriptors are looked up at
 *           each start.
 * @nr_actions: Number of default actions.  With 0, @actions and @action_size
 *              are not read.
 * @action_size: sizeof(struct spawn_template_action).
 * @error_step: Written after a failure: one of &enum spawn_template_step.
 *              Not read.
 * @error_index: Written after a failure: the number of the default action that
 *               is wrong, or -1 where @error_step is another one.  Not read.
 * @argv0: With SPAWN_TEMPLATE_WARM, address of the argv[0] that warm starts
 *         have; 0 is the name of the file: @path as it is given.
 * @warm_timeout_ms: With SPAWN_TEMPLATE_WARM, how many milliseconds the captive
 *                   may take; 0 is SPAWN_TEMPLATE_WARM_TIMEOUT_MS.
 * @warm_max_age: With SPAWN_TEMPLATE_WARM, how many seconds the image is used;
 *                0 is no limit.
 * @warm_max_starts: With SPAWN_TEMPLATE_WARM, how many children get a copy of
 *                   the image; 0 is no limit.
 * @cold_reason: Written if SPAWN_TEMPLATE_WARM is set and the captive ran or
 *               was not to: one of &enum spawn_template_start,
 *               SPAWN_TEMPLATE_START_WARM if the template is warm.  Not read.
 * @cold_detail: Written with @cold_reason: a status, a signal, the number of a
 *               system call, an errno, or 0.  Not read.
 * @reserved: 0.
 */
struct spawn_template_create_args {
	__aligned_u64 flags;
	__aligned_u64 path;
	__s32 dirfd;
	__u32 at_flags;
	__aligned_u64 envp;
	__aligned_u64 actions;
	__u32 nr_actions;
	__u32 action_size;
	__u32 error_step;
	__s32 error_index;
	__aligned_u64 argv0;
	__u32 warm_timeout_ms;
	__u32 warm_max_age;
	__u32 warm_max_starts;
	__u32 cold_reason;
	__s32 cold_detail;
	__u32 reserved;
};

#define SPAWN_TEMPLATE_CREATE_ARGS_SIZE_VER0	56
#define SPAWN_TEMPLATE_CREATE_ARGS_SIZE_VER1	88	/* warm templates */

/**
 * DOC: spawn_template_spawn flags
 *
 * SPAWN_TEMPLATE_INHERIT_FDS
 *     The child starts with a copy of the caller's whole descriptor table and
 *     keeps what is not close-on-exec.  Without this flag it starts with 0, 1
 *     and 2, and keeps these and what its actions wrote.
 *
 * SPAWN_TEMPLATE_NOWAIT
 *     Return as soon as the child exists.  If an action or the exec fails
 *     then, the child ends with exit status 127.
 *
 * SPAWN_TEMPLATE_CGROUP
 *     &spawn_template_spawn_args.cgroup holds a descriptor: the child is born
 *     in that cgroup, as with CLONE_INTO_CGROUP.
 *
 * SPAWN_TEMPLATE_ONLY_WARM
 *     Where the start would be cold, fail at SPAWN_TEMPLATE_STEP_WARM with
 *     EOPNOTSUPP; &spawn_template_spawn_args.start says why.
 */
#define SPAWN_TEMPLATE_INHERIT_FDS	(1ULL << 0)
#define SPAWN_TEMPLATE_NOWAIT		(1ULL << 1)
#define SPAWN_TEMPLATE_CGROUP		(1ULL << 2)
#define SPAWN_TEMPLATE_ONLY_WARM	(1ULL << 3)

/**
 * struct spawn_template_spawn_args - how spawn_template_spawn() starts a child
 * @flags: SPAWN_TEMPLATE_INHERIT_FDS, SPAWN_TEMPLATE_NOWAIT,
 *         SPAWN_TEMPLATE_CGROUP and SPAWN_TEMPLATE_ONLY_WARM or 0.
 * @pidfd: Address of an int that receives a close-on-exec pidfd of the child,
 *         or 0.  After a failure the int is -1 or untouched.
 * @argv: Address of the argument vector, as for execve(2).
 * @envp: Address of the environment vector, as for execve(2); 0 is the
 *        environment of the template.
 * @actions: Address of an array of &struct spawn_template_action, which the
 *           child runs in order, after the default actions of the template.
 * @nr_actions: Number of actions.  With 0, @actions and @action_size are not
 *              read.
 * @action_size: sizeof(struct spawn_template_action).
 * @cgroup: With SPAWN_TEMPLATE_CGROUP, a descriptor of a cgroup v2 directory;
 *          otherwise 0.
 * @reserved: 0.
 * @error_step: Written after a failure: one of &enum spawn_template_step.
 *              Not read.
 * @error_index: Written after a failure: the number of the failed action, or
 *               -1 where @error_step is another one.  Not read.
 * @start: Written after a success, and where a cold start is refused: one of
 *         &enum spawn_template_start.  Not read.
 * @reserved2: 0.
 */
struct spawn_template_spawn_args {
	__aligned_u64 flags;
	__aligned_u64 pidfd;
	__aligned_u64 argv;
	__aligned_u64 envp;
	__aligned_u64 actions;
	__u32 nr_actions;
	__u32 action_size;
	__s32 cgroup;
	__u32 reserved;
	__u32 error_step;
	__s32 error_index;
	__u32 start;
	__u32 reserved2;
};

#define SPAWN_TEMPLATE_SPAWN_ARGS_SIZE_VER0	64
#define SPAWN_TEMPLATE_SPAWN_ARGS_SIZE_VER1	72	/* warm templates */

#endif /* _UAPI_LINUX_SPAWN_TEMPLATE_H */
