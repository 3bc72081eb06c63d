/* SPDX-License-Identifier: MIT */
/*
 * What a start of PROGRAM costs, from the call until it is reaped, in units of the
 * clock, which counts instructions where it is asked to: COUNT PROGRAM [ARGUMENT...].
 * Writes the medians, as JSON, for posix_spawn(), for a warm template of the kernel
 * whose children get a memory that another child left, and for one whose children get
 * a copy of its image; and how much of each the call itself takes.  The kinds take
 * turns, and the templates' fdinfo has to confirm the kind of each start.  Needs root.
 */

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../userspace/src/uapi/linux/spawn_template.h"

/* Starts of one kind before it is another one's turn, after one that does not count. */
#define TURN 5
/* Starts before all others: templates learn from their children, and caches fill. */
#define FIRST 10
/* Of which two medians may be apart, in parts of one of them. */
#define REPEATABLE 1000

#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

extern char **environ;

static struct kind {
	const char *name;
	bool is_warm, is_recycled, is_bound;
	int templatefd;
	long long *whole, *call;
} kinds[] = {
	{.name = "posix_spawn"},
	{.name = "recycled", .is_warm = true, .is_recycled = true},
	{.name = "recycled", .is_warm = true, .is_recycled = true, .is_bound = true},
	{.name = "copied", .is_warm = true},
	{.name = "copied", .is_warm = true, .is_bound = true},
};

static char **arguments;

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", arguments[0], what, why);
	exit(1);
}

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static pid_t start_by_libc(void)
{
	pid_t pid;

	errno = posix_spawn(&pid, arguments[0], NULL, NULL, arguments, environ);
	return errno ? -1 : pid;
}

static pid_t start_warm(int templatefd)
{
	/* The child gets 0, 1 and 2, as all other descriptors here are close-on-exec. */
	struct spawn_template_spawn_args args = {.argv = (uintptr_t)arguments};

	return syscall(473, templatefd, &args, sizeof(args));
}

/* What the line of the template's fdinfo counts; there has to be one. */
static long read_count(int templatefd, const char *name)
{
	char path[64], text[8192];
	const char *line;
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", templatefd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (size < 0)
		fail(path, strerror(errno));
	close(fd);
	text[size] = 0;
	line = strstr(text, name);
	if (!line)
		fail("its fdinfo is without", name + 1);
	return atol(line + strlen(name));
}

static void start_once(const struct kind *kind, long long *whole, long long *call)
{
	const long long begun = now();
	const pid_t pid = kind->is_warm ? start_warm(kind->templatefd) : start_by_libc();
	const long long returned = now();
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		fail(kind->name, strerror(errno));
	*whole = now() - begun;
	*call = returned - begun;
	if (status)
		fail(kind->name, "the program failed");
}

/* Only one that was what its kind says is worth anything. */
static void start_proven(const struct kind *kind, long long *whole, long long *call)
{
	long warm, recycled;

	if (!kind->is_warm) {
		start_once(kind, whole, call);
		return;
	}
	warm = read_count(kind->templatefd, "\nwarm-starts:\t");
	recycled = read_count(kind->templatefd, "\nrecycled-starts:\t");
	start_once(kind, whole, call);
	if (read_count(kind->templatefd, "\nwarm-starts:\t") != warm + 1)
		fail(kind->name, "a start was not warm");
	if (read_count(kind->templatefd, "\nrecycled-starts:\t") != recycled + kind->is_recycled)
		fail(kind->name, kind->is_recycled ? "a start had no memory of another one" :
						     "a start had the memory of another one");
}

static void limit_pool(const char *limit)
{
	int fd = open("/proc/sys/fs/spawn_template_pool", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, limit, strlen(limit)) < 0)
		fail("fs.spawn_template_pool", strerror(errno));
	close(fd);
}

static int make_template(bool is_bound)
{
	struct spawn_template_create_args args = {
		.flags = SPAWN_TEMPLATE_WARM | SPAWN_TEMPLATE_REQUIRE_WARM,
		.path = (uintptr_t)arguments[0], .argv0 = (uintptr_t)arguments[0]};
	int fd;

	/* Then the captive does what each child would do a part of. */
	if (is_bound)
		setenv("LD_BIND_NOW", "1", 1);
	args.envp = (uintptr_t)environ;
	fd = syscall(472, &args, sizeof(args));
	if (fd < 0) {
		fprintf(stderr, "%s: %s, reason %u, detail %d\n", arguments[0],
			strerror(errno), args.cold_reason, args.cold_detail);
		exit(1);
	}
	unsetenv("LD_BIND_NOW");
	return fd;
}

static void prepare(struct kind *kind, int count)
{
	long long unused;

	kind->whole = calloc(count, sizeof(*kind->whole));
	kind->call = calloc(count, sizeof(*kind->call));
	if (!kind->whole || !kind->call)
		fail(kind->name, strerror(errno));
	if (kind->is_warm)
		kind->templatefd = make_template(kind->is_bound);
	for (int i = 0; i < FIRST; i++)
		start_once(kind, &unused, &unused);
	if (kind->is_warm)
		read_count(kind->templatefd, "\ntrained:\tyes");
}

static int compare(const void *left, const void *right)
{
	long long a = *(const long long *)left, b = *(const long long *)right;

	return (a > b) - (a < b);
}

static long long median(const long long *costs, int count)
{
	long long sorted[count];

	memcpy(sorted, costs, sizeof(sorted));
	qsort(sorted, count, sizeof(*sorted), compare);
	return sorted[count / 2];
}

/* Whether the first and the last half of them agree. */
static const char *is_repeatable(const long long *costs, int count)
{
	const int half = count / 2;
	const long long first = median(costs, half), last = median(costs + count - half, half);

	return llabs(first - last) * REPEATABLE <= last ? "true" : "false";
}

static void write_kind(const struct kind *kind, int count)
{
	printf("{\"start\": \"%s\", \"bound\": %s, \"n\": %d, \"p50\": %lld, \"return_p50\": %lld, "
	       "\"repeatable\": %s, \"return_repeatable\": %s}",
	       kind->name, kind->is_bound ? "true" : "false", count, median(kind->whole, count),
	       median(kind->call, count), is_repeatable(kind->whole, count),
	       is_repeatable(kind->call, count));
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[1]) : 0;
	long long unused;
	int output;

	if (count < 2)
		return 2;
	arguments = argv + 2;
	/* The children's is none of this program's. */
	output = dup(STDOUT_FILENO);
	fcntl(output, F_SETFD, FD_CLOEXEC);
	dup2(open("/dev/null", O_RDWR | O_CLOEXEC), STDOUT_FILENO);
	stdout = fdopen(output, "w");

	limit_pool("8");
	for (size_t i = 0; i < NR_KINDS; i++)
		prepare(&kinds[i], count);
	for (int begin = 0; begin < count; begin += TURN) {
		for (struct kind *kind = kinds; kind < kinds + NR_KINDS; kind++) {
			/* A template loses what it has kept only by a start while the limit is 0. */
			limit_pool(kind->is_recycled ? "8" : "0");
			start_once(kind, &unused, &unused);
			for (int i = begin; i < count && i < begin + TURN; i++)
				start_proven(kind, &kind->whole[i], &kind->call[i]);
		}
	}
	limit_pool("8");

	printf("[");
	for (size_t i = 0; i < NR_KINDS; i++) {
		printf(i ? ", " : "");
		write_kind(&kinds[i], count);
	}
	printf("]\n");
	return fflush(stdout) ? 1 : 0;
}
