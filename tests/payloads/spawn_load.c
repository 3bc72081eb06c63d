/* SPDX-License-Identifier: MIT */
/*
 * Starts a known number of processes, one after the other, and waits for each:
 * METHOD PROGRAM NO_PROGRAM EXECS FAILURES FORKS CHAINS THREADS. PROGRAM is what
 * succeeds to be executed, NO_PROGRAM what fails. A method that cannot start a
 * process without executing something leaves FORKS to fork(). "chain PROGRAM" is
 * what the first program of a chain is called with.
 */

#include "uapi/linux/spawn_template.h"

#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { SYS_SPAWN_TEMPLATE_CREATE = 472, SYS_SPAWN_TEMPLATE_SPAWN = 473 };

/* Each returns 0 in the child, as fork() does. */
static pid_t raw_clone(void)
{
	return syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);
}

static pid_t raw_clone3(void)
{
	struct clone_args args = { .exit_signal = SIGCHLD };

	return syscall(SYS_clone3, &args, sizeof(args));
}

static const char *method;

static pid_t (*duplicate(void))(void)
{
	if (!strcmp(method, "clone"))
		return raw_clone;
	if (!strcmp(method, "clone3"))
		return raw_clone3;
	return fork;
}

/* argv is NULL for a child that executes nothing. */
static pid_t start_copy(char **argv)
{
	pid_t pid = duplicate()();

	if (pid == 0) {
		if (argv)
			execve(argv[0], argv, environ);
		_exit(argv ? 127 : 0);
	}
	return pid;
}

static pid_t start_vfork(char **argv)
{
	pid_t pid = vfork();

	if (pid == 0) {
		if (argv)
			execve(argv[0], argv, environ);
		_exit(argv ? 127 : 0);
	}
	return pid;
}

static pid_t start_posix_spawn(char **argv)
{
	pid_t pid;

	if (!argv)
		return start_copy(argv);
	errno = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);
	return errno ? -1 : pid;
}

static pid_t start_template(char **argv)
{
	struct spawn_template_create_args create = {};
	struct spawn_template_spawn_args spawn = {};
	pid_t pid;
	int fd;

	if (!argv)
		return start_copy(argv);
	create.path = (uintptr_t)argv[0];
	fd = syscall(SYS_SPAWN_TEMPLATE_CREATE, &create, sizeof(create));
	if (fd < 0) {
		perror("spawn_template_create");
		exit(1);
	}
	spawn.argv = (uintptr_t)argv;
	spawn.envp = (uintptr_t)environ;
	pid = syscall(SYS_SPAWN_TEMPLATE_SPAWN, fd, &spawn, sizeof(spawn));
	close(fd);
	return pid;
}

/* A start that fails can be an error at once, or a child that ends with 127. */
static void run(char **argv, int succeeds)
{
	int status = 127 << 8;
	pid_t pid;

	if (!strcmp(method, "posix_spawn"))
		pid = start_posix_spawn(argv);
	else if (!strcmp(method, "template"))
		pid = start_template(argv);
	else if (!strcmp(method, "vfork"))
		pid = start_vfork(argv);
	else
		pid = start_copy(argv);
	if (pid > 0 && waitpid(pid, &status, 0) != pid) {
		perror("waitpid");
		exit(1);
	}
	if (succeeds != (status == 0)) {
		fprintf(stderr, "%s: status %#x\n", argv ? argv[0] : method, status);
		exit(1);
	}
}

static void *do_nothing(void *argument)
{
	return argument;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "chain")) {
		execve(argv[2], argv + 2, environ);
		return 127;
	}
	if (argc != 9)
		return 2;
	method = argv[1];

	char *program[] = { argv[2], NULL };
	char *no_program[] = { argv[3], NULL };
	char *chain[] = { argv[0], "chain", argv[2], NULL };

	for (int i = atoi(argv[4]); i > 0; i--)
		run(program, 1);
	for (int i = atoi(argv[5]); i > 0; i--)
		run(no_program, 0);
	for (int i = atoi(argv[6]); i > 0; i--)
		run(NULL, 1);
	for (int i = atoi(argv[7]); i > 0; i--)
		run(chain, 1);
	for (int i = atoi(argv[8]); i > 0; i--) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, do_nothing, NULL) ||
		    pthread_join(thread, NULL))
			return 1;
	}
	return 0;
}
