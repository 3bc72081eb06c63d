/* SPDX-License-Identifier: MIT */
/*
 * Writes to standard output, as lines, everything that a Command can set and that does not differ
 * from one start to the next: two starts with the same request say the same.
 */

#define _GNU_SOURCE

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void show_strings(const char *name, char **strings)
{
	for (; *strings; strings++)
		printf("%s %s\n", name, *strings);
}

static void show_place(void)
{
	char cwd[PATH_MAX];

	printf("cwd %s\n", getcwd(cwd, sizeof(cwd)) ? cwd : "");
	printf("umask %o\n", umask(0));
	printf("leads session %d, group %d, foreground %d\n", getsid(0) == getpid(),
	       getpgrp() == getpid(), tcgetpgrp(0) == getpgrp());
}

static void show_resources(void)
{
	struct rlimit limit;
	cpu_set_t cpus;

	for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
		getrlimit(resource, &limit);
		printf("limit %d: %lu %lu\n", resource, limit.rlim_cur, limit.rlim_max);
	}
	sched_getaffinity(0, sizeof(cpus), &cpus);
	printf("nice %d, policy %d, %d CPUs\n", getpriority(PRIO_PROCESS, 0),
	       sched_getscheduler(0), CPU_COUNT(&cpus));
}

static void show_rights(void)
{
	uid_t uid, euid, suid;
	gid_t gid, egid, sgid;
	int signal = 0;

	getresuid(&uid, &euid, &suid);
	getresgid(&gid, &egid, &sgid);
	prctl(PR_GET_PDEATHSIG, &signal);
	printf("ids %u %u %u, %u %u %u, %d groups\n", uid, euid, suid, gid, egid, sgid,
	       getgroups(0, NULL));
	printf("no new privileges %d, parent death %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
	       signal);
}

static void show_signals(void)
{
	struct sigaction action;
	sigset_t blocked;

	sigprocmask(SIG_BLOCK, NULL, &blocked);
	for (int signal = 1; signal <= 64; signal++) {
		if (sigismember(&blocked, signal) == 1)
			printf("blocked %d\n", signal);
		if (!sigaction(signal, NULL, &action) && action.sa_handler == SIG_IGN)
			printf("ignored %d\n", signal);
	}
}

static void show_descriptors(void)
{
	struct stat status;
	char text[64];

	for (int fd = 0; fd < 1024; fd++) {
		ssize_t length = 0;

		if (fstat(fd, &status))
			continue;
		if (S_ISREG(status.st_mode))
			length = pread(fd, text, sizeof(text), 0);
		printf("fd %d: type %o, flags %o, %.*s\n", fd, status.st_mode & S_IFMT,
		       fcntl(fd, F_GETFL), length > 0 ? (int)length : 0, text);
	}
}

int main(int argc, char **argv, char **envp)
{
	printf("%d arguments\n", argc);
	show_strings("arg", argv);
	show_strings("env", envp);
	show_place();
	show_resources();
	show_rights();
	show_signals();
	show_descriptors();
	return fflush(stdout) ? 1 : 0;
}
