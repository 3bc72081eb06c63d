/* SPDX-License-Identifier: MIT */
/*
 * Starts PROGRAM COUNT times and writes, for each, its pid and what the clock
 * was before the start, when the call had returned, and when it was reaped:
 * COUNT PROGRAM.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	/* What the child of vfork() must not change is static. */
	static int left;

	for (left = atoi(argv[1]); left > 0; left--) {
		long long begun = now();
		pid_t pid = vfork();

		if (pid == 0) {
			execve(argv[2], argv + 2, environ);
			_exit(127);
		}

		long long returned = now();

		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			return 1;
		printf("%d %lld %lld %lld\n", pid, begun, returned, now());
	}
	return fflush(stdout) ? 1 : 0;
}
