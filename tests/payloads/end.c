/* SPDX-License-Identifier: MIT */
/* Ends in a given way: "exit CODE", "signal NUMBER", "never". */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "exit"))
		return atoi(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "signal"))
		raise(atoi(argv[2]));
	if (argc == 2 && !strcmp(argv[1], "never"))
		while (1)
			pause();
	return 99;
}
