/* SPDX-License-Identifier: MIT */
/* Prints the version of the library that it runs with. */

#include <stdio.h>

const char *version_of_library(void);

int main(void)
{
	return puts(version_of_library()) < 0 || fflush(stdout);
}
