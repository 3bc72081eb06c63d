/* SPDX-License-Identifier: MIT */
/*
 * Writes the state that it was started in to standard output, as pairs of a
 * name and a value, each ended by a NUL.
 */

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

static void show(const char *name, const char *value)
{
	printf("%s%c%s%c", name, 0, value, 0);
}

static void show_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	struct stat status;
	char value[128];

	while (dir && (entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] == '.' || fd == dirfd(dir) || fstat(fd, &status))
			continue;
		snprintf(value, sizeof(value), "%d %lu:%lu", fd, (unsigned long)status.st_dev,
			 (unsigned long)status.st_ino);
		show("fd", value);
	}
	if (dir)
		closedir(dir);
}

static void show_signals(void)
{
	unsigned long blocked = 0, ignored = 0;
	struct sigaction action;
	char value[32];
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, &set);
	for (int signal = 1; signal <= 64; signal++) {
		unsigned long bit = 1UL << (signal - 1);

		if (sigismember(&set, signal) == 1)
			blocked |= bit;
		if (!sigaction(signal, NULL, &action) && action.sa_handler == SIG_IGN)
			ignored |= bit;
	}
	snprintf(value, sizeof(value), "%lx", blocked);
	show("blocked", value);
	snprintf(value, sizeof(value), "%lx", ignored);
	show("ignored", value);
}

int main(int argc, char **argv, char **envp)
{
	char *cwd = getcwd(NULL, 0);

	for (int i = 0; i < argc; i++)
		show("arg", argv[i]);
	for (; *envp; envp++)
		show("env", *envp);
	show("cwd", cwd ? cwd : "");
	show("execfn", (const char *)getauxval(AT_EXECFN));
	show_signals();
	show_descriptors();
	free(cwd);
	return fflush(stdout) ? 1 : 0;
}
