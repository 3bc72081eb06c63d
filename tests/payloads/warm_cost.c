/* SPDX-License-Identifier: MIT */
/*
 * What a start of PROGRAM costs, from the call until it is reaped, in units of the
 * clock, which counts instructions where it is asked to: COUNT PROGRAM [ARGUMENT...].
 * Writes the median for posix_spawn(), for a warm template of the kernel whose
 * children get a memory that another child left, and for one whose children get a
 * copy of its image; and how much of each the call itself takes.  Needs root.
 */

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../userspace/src/uapi/linux/spawn_template.h"

/* Starts that come before those that count. */
#define UNCOUNTED 6

extern char **environ;

static char **arguments;
static int templatefd = -1;

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static pid_t start_by_libc(void)
{
	pid_t pid;
	int error = posix_spawn(&pid, arguments[0], NULL, NULL, arguments, environ);

	if (error) {
		errno = error;
		return -1;
	}
	return pid;
}

static pid_t start_warm(void)
{
	struct spawn_template_spawn_args args = {.argv = (uintptr_t)arguments,
						 .flags = SPAWN_TEMPLATE_INHERIT_FDS};
	pid_t pid = syscall(473, templatefd, &args, sizeof(args));

	if (pid > 0 && args.start != SPAWN_TEMPLATE_START_WARM) {
		fprintf(stderr, "not warm: %u\n", args.start);
		exit(1);
	}
	return pid;
}

static int compare(const void *left, const void *right)
{
	long long a = *(const long long *)left, b = *(const long long *)right;

	return (a > b) - (a < b);
}

static void measure(const char *name, int count, pid_t (*start)(void))
{
	long long *whole = calloc(count, sizeof(*whole));
	long long *call = calloc(count, sizeof(*call));

	for (int i = -UNCOUNTED; i < count; i++) {
		long long begun = now();
		pid_t pid = start();
		long long returned = now();
		int status;

		if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
			fprintf(stderr, "%s: %s\n", name, strerror(errno));
			exit(1);
		}
		if (i >= 0) {
			call[i] = returned - begun;
			whole[i] = now() - begun;
		}
	}
	qsort(whole, count, sizeof(*whole), compare);
	qsort(call, count, sizeof(*call), compare);
	printf("\"%s\": %lld, \"%s call\": %lld", name, whole[count / 2], name, call[count / 2]);
	free(whole);
	free(call);
}

static void limit_pool(const char *limit)
{
	int fd = open("/proc/sys/fs/spawn_template_pool", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, limit, strlen(limit)) < 0) {
		perror("fs.spawn_template_pool");
		exit(1);
	}
	close(fd);
}

static void make_template(void)
{
	struct spawn_template_create_args args = {
		.flags = SPAWN_TEMPLATE_WARM | SPAWN_TEMPLATE_REQUIRE_WARM,
		.path = (uintptr_t)arguments[0], .argv0 = (uintptr_t)arguments[0],
		.envp = (uintptr_t)environ};

	templatefd = syscall(472, &args, sizeof(args));
	if (templatefd < 0) {
		fprintf(stderr, "%s: %s, reason %u, detail %d\n", arguments[0],
			strerror(errno), args.cold_reason, args.cold_detail);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[1]) : 0;
	int output;

	if (count < 1)
		return 2;
	arguments = argv + 2;
	/* The children's is none of this program's. */
	output = dup(STDOUT_FILENO);
	fcntl(output, F_SETFD, FD_CLOEXEC);
	dup2(open("/dev/null", O_RDWR | O_CLOEXEC), STDOUT_FILENO);
	stdout = fdopen(output, "w");

	printf("{");
	measure("posix_spawn", count, start_by_libc);
	for (int bound = 0; bound < 2; bound++) {
		/* Then the captive does what each child would do a part of. */
		if (bound)
			setenv("LD_BIND_NOW", "1", 1);
		make_template();
		printf(", ");
		measure(bound ? "recycled bound" : "recycled", count, start_warm);
		printf(", ");
		/* The image is what a start is known to use by now. */
		limit_pool("0");
		measure(bound ? "copied bound" : "copied", count, start_warm);
		limit_pool("8");
		close(templatefd);
	}
	printf("}\n");
	return fflush(stdout) ? 1 : 0;
}
