/* SPDX-License-Identifier: MIT */
/*
 * Writes to standard output, as lines, what it has from its caller and what /proc does not show, or
 * shows in a file of its own.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void show_file(const char *path)
{
	char text[128];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[length < 0 ? 0 : length] = 0;
	printf("%s %s\n", path, text);
	if (fd >= 0)
		close(fd);
}

/* As the program was told, and as the kernel says that it was. */
static void show_ids(void)
{
	const unsigned long ids[] = {AT_UID, AT_EUID, AT_GID, AT_EGID};
	unsigned long vector[2 * 64] = {0};
	int fd = open("/proc/self/auxv", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, vector, sizeof(vector) - sizeof(*vector));

	for (int i = 0; i < 4; i++) {
		printf("id %lu: %lu\n", ids[i], getauxval(ids[i]));
		for (int at = 0; at + 1 < length / (ssize_t)sizeof(*vector); at += 2)
			if (vector[at] == ids[i])
				printf("told %lu: %lu\n", ids[i], vector[at + 1]);
	}
	if (fd >= 0)
		close(fd);
}

static void show_memory(void)
{
	unsigned long nodes[16] = {0};
	int mode = -1;

	syscall(SYS_get_mempolicy, &mode, nodes, 8 * sizeof(nodes), NULL, 0);
	printf("memory policy %d of nodes %lx\n", mode, nodes[0]);
	printf("merge 68: %d, write-execute 66: %d\n", prctl(68, 0, 0, 0, 0), prctl(66, 0, 0, 0, 0));
	printf("memory failures %d\n", prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
	show_file("/proc/self/coredump_filter");
}

static void show_scheduling(void)
{
	unsigned int attributes[14] = {0};
	cpu_set_t cpus;

	syscall(SYS_sched_getattr, 0, attributes, sizeof(attributes), 0);
	printf("scheduling");
	for (int i = 1; i < 14; i++)
		printf(" %x", attributes[i]);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	printf(", CPUs");
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus))
			printf(" %d", cpu);
	printf(", timer slack %d\n", prctl(PR_GET_TIMERSLACK));
}

static void show_signals(void)
{
	struct sigaction action;

	for (int signal = 1; signal <= 64; signal++)
		if (!sigaction(signal, NULL, &action) && action.sa_handler == SIG_IGN)
			printf("ignored %d, flags %x\n", signal, (unsigned int)action.sa_flags);
}

static void show_limits(void)
{
	struct rlimit limit;

	for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
		getrlimit(resource, &limit);
		printf("limit %d: %lx %lx\n", resource, limit.rlim_cur, limit.rlim_max);
	}
}

int main(void)
{
	printf("session keyring %ld\n",
	       syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
	show_file("/proc/self/loginuid");
	show_file("/proc/self/sessionid");
	show_file("/proc/self/attr/current");
	show_ids();
	show_memory();
	show_scheduling();
	show_signals();
	show_limits();
	printf("umask %o\n", umask(0));
	return fflush(stdout) ? 1 : 0;
}
