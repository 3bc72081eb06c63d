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
 * The interpreter of a script opens it by name.  The path of a script therefore
 * has to be absolute; otherwise a start fails with ENOENT, as execveat(2) fails
 * for a script given by a close-on-exec descriptor.
 */

/**
 * DOC: spawn_template_create flags
 *
 * SPAWN_TEMPLATE_DIRFD
 *     &spawn_template_create_args.dirfd holds a descriptor.  Without this
 *     flag a relative path starts at the current working directory, so that
 *     a zeroed structure plus a path is a complete request.
 */
#define SPAWN_TEMPLATE_DIRFD		(1ULL << 0)

/**
 * struct spawn_template_create_args - what spawn_template_create() prepares
 * @flags: SPAWN_TEMPLATE_DIRFD or 0.
 * @path: Address of the path of the executable, a string.
 * @dirfd: With SPAWN_TEMPLATE_DIRFD, the directory where a relative @path
 *         starts or, with AT_EMPTY_PATH and an empty @path, the executable
 *         itself.  Otherwise 0 or AT_FDCWD.
 * @at_flags: AT_EMPTY_PATH and AT_SYMLINK_NOFOLLOW, as in execveat(2).
 */
struct spawn_template_create_args {
	__aligned_u64 flags;
	__aligned_u64 path;
	__s32 dirfd;
	__u32 at_flags;
};

#define SPAWN_TEMPLATE_CREATE_ARGS_SIZE_VER0	24

/**
 * enum spawn_template_action_type - what an action does in the child
 * @SPAWN_TEMPLATE_CLOSE: Close @fd.  That it is not open is no error.
 * @SPAWN_TEMPLATE_DUP2: Make @newfd refer to what @fd refers to, as dup2(2);
 *                       @newfd is not close-on-exec, even when it equals @fd.
 * @SPAWN_TEMPLATE_OPEN: Open a file as @newfd.  @addr is the address of a
 *                       &struct spawn_template_open, @size its size, @fd the
 *                       directory where a relative path starts or AT_FDCWD.
 * @SPAWN_TEMPLATE_FCHDIR: Make the directory @fd the working directory.
 * @SPAWN_TEMPLATE_SIGMASK: Block exactly the signals of the set at @addr,
 *                          @size bytes long as for rt_sigprocmask(2).
 * @SPAWN_TEMPLATE_SIGDEFAULT: Reset the signals of the set at @addr to their
 *                             default action, ignored ones too.
 *
 * A descriptor that an action reads is the caller's, as it is at the time of
 * the call, unless an earlier action of the list wrote or closed that number;
 * then it is the child's.
 */
enum spawn_template_action_type {
	SPAWN_TEMPLATE_CLOSE		= 1,
	SPAWN_TEMPLATE_DUP2		= 2,
	SPAWN_TEMPLATE_OPEN		= 3,
	SPAWN_TEMPLATE_FCHDIR		= 4,
	SPAWN_TEMPLATE_SIGMASK		= 5,
	SPAWN_TEMPLATE_SIGDEFAULT	= 6,
};

/**
 * struct spawn_template_action - one step between the child's birth and exec
 * @type: One of &enum spawn_template_action_type.
 * @flags: 0.
 * @fd: The descriptor that the action reads, else 0.
 * @newfd: The descriptor that the action writes, else 0.
 * @addr: Address of the action's operand, else 0.
 * @size: Size of the operand in bytes, else 0.
 */
struct spawn_template_action {
	__u32 type;
	__u32 flags;
	__s32 fd;
	__s32 newfd;
	__aligned_u64 addr;
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

/**
 * DOC: spawn_template_spawn flags
 *
 * SPAWN_TEMPLATE_INHERIT_FDS
 *     The child starts with a copy of the caller's whole descriptor table and
 *     keeps what is not close-on-exec.  Without this flag it starts with 0, 1
 *     and 2, and keeps these and what its actions wrote.
 */
#define SPAWN_TEMPLATE_INHERIT_FDS	(1ULL << 0)

/**
 * enum spawn_template_step - where a start failed
 * @SPAWN_TEMPLATE_STEP_NONE: It did not fail.
 * @SPAWN_TEMPLATE_STEP_REQUEST: Reading or checking the request, its
 *                               arguments or its environment.
 * @SPAWN_TEMPLATE_STEP_ACTION: Checking or running the action with the number
 *                              &spawn_template_spawn_args.error_index.
 * @SPAWN_TEMPLATE_STEP_CLONE: Creating the process or its pidfd.
 * @SPAWN_TEMPLATE_STEP_OPEN: Opening the executable.
 * @SPAWN_TEMPLATE_STEP_EXEC: Executing it.
 */
enum spawn_template_step {
	SPAWN_TEMPLATE_STEP_NONE	= 0,
	SPAWN_TEMPLATE_STEP_REQUEST	= 1,
	SPAWN_TEMPLATE_STEP_ACTION	= 2,
	SPAWN_TEMPLATE_STEP_CLONE	= 3,
	SPAWN_TEMPLATE_STEP_OPEN	= 4,
	SPAWN_TEMPLATE_STEP_EXEC	= 5,
};

/**
 * struct spawn_template_spawn_args - how spawn_template_spawn() starts a child
 * @flags: SPAWN_TEMPLATE_INHERIT_FDS or 0.
 * @pidfd: Address of an int that receives a close-on-exec pidfd of the child,
 *         or 0.  After a failure the int is -1 or untouched.
 * @argv: Address of the argument vector, as for execve(2).
 * @envp: Address of the environment vector, as for execve(2); 0 is an empty
 *        environment.
 * @actions: Address of an array of &struct spawn_template_action, which the
 *           child runs in order.
 * @nr_actions: Number of actions.  With 0, @actions and @action_size are not
 *              read.
 * @action_size: sizeof(struct spawn_template_action).
 * @error_step: Written after a failure: one of &enum spawn_template_step.
 *              Not read.
 * @error_index: Written after a failure: the number of the failed action, or
 *               -1 where @error_step is another one.  Not read.
 */
struct spawn_template_spawn_args {
	__aligned_u64 flags;
	__aligned_u64 pidfd;
	__aligned_u64 argv;
	__aligned_u64 envp;
	__aligned_u64 actions;
	__u32 nr_actions;
	__u32 action_size;
	__u32 error_step;
	__s32 error_index;
};

#define SPAWN_TEMPLATE_SPAWN_ARGS_SIZE_VER0	56

#endif /* _UAPI_LINUX_SPAWN_TEMPLATE_H */
