/* SPDX-License-Identifier: MIT */
/* A library that says which of many it is: the tests write another number into copies of it. */

const char *version_of_library(void);

static const char text[] = "version 0000";

const char *version_of_library(void)
{
	return text;
}
