/* SPDX-License-Identifier: MIT */
/* Writes texts to descriptors: FD TEXT FD TEXT...; exits with the number of those that failed. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i + 1 < argc; i += 2) {
		size_t length = strlen(argv[i + 1]);

		failed += write(atoi(argv[i]), argv[i + 1], length) != (ssize_t)length;
	}
	return failed;
}
