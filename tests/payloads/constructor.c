/* SPDX-License-Identifier: MIT */
/*
 * A library that does before main() what the environment's CONSTRUCTOR says.
 */

#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void lower_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = 4096;
	setrlimit(RLIMIT_FSIZE, &limit);
}

__attribute__((constructor)) static void construct(void)
{
	const char *what = getenv("CONSTRUCTOR");

	if (!what)
		return;
	if (!strcmp(what, "set"))
		setenv("FROM_CONSTRUCTOR", "1", 1);
	if (!strcmp(what, "unset"))
		unsetenv("LD_PRELOAD");
	if (!strcmp(what, "umask"))
		umask(077);
	if (!strcmp(what, "limit"))
		lower_limit();
	if (!strcmp(what, "directory") && chdir("/usr"))
		_exit(1);
	if (!strcmp(what, "nice") && nice(3) < 0)
		_exit(1);
	if (!strcmp(what, "output") && write(STDOUT_FILENO, "output\n", 7) != 7)
		_exit(1);
	if (!strcmp(what, "error") && write(STDERR_FILENO, "error\n", 6) != 6)
		_exit(1);
}
