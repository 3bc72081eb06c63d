/* SPDX-License-Identifier: MIT */
/*
 * In the place of version_library.c: tells what its constructor has found in the environment. It
 * registers handlers of fork(2), and loads and unloads UNLOADED, another copy of itself.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

const char *version_of_library(void);

static char text[256];

static void nothing(void)
{
}

__attribute__((constructor)) static void construct(void)
{
	const char *one = getenv("ASKED_FOR"), *two = secure_getenv("ASKED_FOR_SECURELY");
	const char *unloaded = getenv("UNLOADED");

	snprintf(text, sizeof(text), "%s, %s", one ? one : "none", two ? two : "none");
	pthread_atfork(nothing, nothing, nothing);
	if (unloaded)
		dlclose(dlopen(unloaded, RTLD_NOW));
}

const char *version_of_library(void)
{
	return text;
}
