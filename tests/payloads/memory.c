/* SPDX-License-Identifier: MIT */
/*
 * Prints how often the word that its first argument spells backwards is in its writable memory.
 */

#define _GNU_SOURCE
#include <spawntpl/ready.h>
#include <stdio.h>
#include <string.h>

/* Not with memmem(3), which would need the word itself. */
static long count(const char *at, const char *end, const char *backwards, size_t length)
{
	long found = 0;

	for (; (size_t)(end - at) >= length; at++) {
		size_t i = 0;

		while (i < length && at[i] == backwards[length - 1 - i])
			i++;
		found += i == length;
	}
	return found;
}

int main(int argc, char **argv, char **envp)
{
	FILE *maps;
	char line[512], rights[8];
	char *begin, *end;
	long found = 0;

	spawntpl_ready(NULL, &argc, &argv, &envp);
	maps = fopen("/proc/self/maps", "re");
	if (argc != 2 || !maps)
		return 1;
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%p-%p %7s", (void **)&begin, (void **)&end, rights) == 3 &&
		    !strncmp(rights, "rw", 2))
			found += count(begin, end, argv[1], strlen(argv[1]));
	printf("%ld\n", found);
	return fclose(maps) || fflush(stdout);
}
