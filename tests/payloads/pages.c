/* SPDX-License-Identifier: MIT */
/* Says how often it was interrupted by a page fault while it wrote to memory of its own. */

#include <stdio.h>
#include <sys/resource.h>

enum { PAGE_SIZE = 4096, NR_PAGES = 24 };

static volatile char memory[NR_PAGES * PAGE_SIZE];

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

int main(void)
{
	/* Its code and its stack are there then. */
	long before = faults();

	before = faults();
	for (int i = 0; i < NR_PAGES; i++)
		memory[i * PAGE_SIZE] = 1;
	printf("%ld\n", faults() - before);
	return 0;
}
