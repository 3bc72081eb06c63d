/* SPDX-License-Identifier: MIT */
/* The smallest C program: what it costs is the start-up of libc, linked in two ways. */

int main(void)
{
	return 0;
}
