/* SPDX-License-Identifier: MIT */
/*
 * Writes to several descriptors in turn, a piece to each: COUNT FD...; COUNT
 * bytes to each, or without end if it is 0. A byte is the lowest of its offset.
 */

#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long count = argc > 2 ? atol(argv[1]) : -1;
	char piece[4096];

	if (count < 0)
		return 2;
	for (int i = 0; i < (int)sizeof(piece); i++)
		piece[i] = i;
	for (long done = 0; !count || done < count; done += sizeof(piece)) {
		long length = sizeof(piece);

		if (count && count - done < length)
			length = count - done;
		for (int i = 2; i < argc; i++)
			if (write(atoi(argv[i]), piece, length) != length)
				return 1;
	}
	return 0;
}
