/* SPDX-License-Identifier: MIT */
/*
 * Calls spawntpl_ready() in the state that its first argument names, and prints what it gets.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <spawntpl/ready.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void *sleep_to_the_end(void *unused)
{
	pause();
	return unused;
}

static void prepare(const char *state)
{
	const gid_t groups[] = {4711};
	struct rlimit limit;
	pthread_t thread;
	int status;

	if (!strcmp(state, "end"))
		exit(0);
	if (!strcmp(state, "later"))
		usleep(500000);
	if (!strcmp(state, "thread"))
		pthread_create(&thread, NULL, sleep_to_the_end, NULL);
	if (!strcmp(state, "descriptor"))
		open("/dev/null", O_RDONLY);
	if (!strcmp(state, "child") && fork() == 0)
		_exit(0);
	/* This child is no template. */
	if (!strcmp(state, "fork")) {
		if (fork() == 0)
			_exit(spawntpl_ready(NULL, NULL, NULL, NULL));
		if (wait(&status) < 0 || status != 0)
			exit(1);
	}
	if (!strcmp(state, "environment") && system("env | grep -q SPAWNTPL_WARM") == 0)
		exit(1);
	if (!strcmp(state, "state")) {
		umask(0);
		getrlimit(RLIMIT_FSIZE, &limit);
		limit.rlim_cur = 4096;
		setrlimit(RLIMIT_FSIZE, &limit);
	}
	if (!strcmp(state, "groups"))
		setgroups(1, groups);
	/* It has no end of line, and its reader is not there yet. */
	if (!strcmp(state, "output"))
		fputs("lost", stdout);
}

/* Returns through the frame that looks at the canary of the stack. */
__attribute__((noinline, optimize("stack-protector-all"))) static int
call(const char *file, int *argc, char ***argv, char ***envp)
{
	static const char *files[4096];
	char room[64];
	size_t i;

	/* Again and again. */
	for (i = 0; i + 1 < sizeof(files) / sizeof(files[0]); i++)
		files[i] = file;
	snprintf(room, sizeof(room), "%d", *argc);
	return spawntpl_ready(file ? files : NULL, argc, argv, envp) + (room[0] == 0);
}

int main(int argc, char **argv, char **envp)
{
	char *heap = strdup("heap");
	struct rlimit limit;
	int ready;

	prepare(argc > 1 ? argv[1] : "");
	ready = call(argc > 2 ? argv[2] : NULL, &argc, &argv, &envp);
	printf("%d again %d, %s, %d arguments\n", ready, call(NULL, &argc, &argv, &envp), heap, argc);
	for (; *argv; argv++)
		printf("arg %s\n", *argv);
	for (; *envp; envp++)
		printf("env %s\n", *envp);
	printf("environ %d, A=%s\n", environ && environ[0] != NULL, getenv("A"));
	getrlimit(RLIMIT_FSIZE, &limit);
	printf("umask %03o, size %ld\n", umask(0), (long)limit.rlim_cur);
	free(heap);
	return fflush(stdout) ? 1 : 0;
}
