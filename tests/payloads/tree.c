/* SPDX-License-Identifier: MIT */
/*
 * Makes descendants that never end, by the letters of its argument: f forks and
 * goes on in the child; o does so, too, but the parent ends; w forks five
 * children that all go on; g leads a new process group, s a new session; h is o
 * many thousand times. Each that has come to its last letter writes a byte to
 * standard output, with h before that begins.
 */

#include <unistd.h>

static void wait_for_ever(void)
{
	while (1)
		pause();
}

/* Goes on in the child. */
static void fork_child(int parent_ends)
{
	pid_t pid = fork();

	if (pid < 0 || (pid && parent_ends))
		_exit(pid < 0);
	if (pid)
		wait_for_ever();
}

static void fork_five(void)
{
	for (int i = 0; i < 5; i++) {
		pid_t pid = fork();

		if (pid < 0)
			_exit(1);
		if (!pid)
			return;
	}
	wait_for_ever();
}

int main(int argc, char **argv)
{
	char *letter = argc == 2 ? argv[1] : "";

	for (; *letter && *letter != 'h'; letter++) {
		if (*letter == 'f')
			fork_child(0);
		else if (*letter == 'o')
			fork_child(1);
		else if (*letter == 'w')
			fork_five();
		else if (*letter == 'g')
			setpgid(0, 0);
		else if (*letter == 's')
			setsid();
	}
	if (write(STDOUT_FILENO, ".", 1) != 1)
		return 1;
	for (int i = 0; *letter == 'h' && i < 20000; i++)
		fork_child(1);
	wait_for_ever();
}
