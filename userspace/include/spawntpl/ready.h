/* SPDX-License-Identifier: MIT */
/*
 * For programs that can be started warm from a point of their own choice, after they have loaded
 * their modules or read their data: see TemplateOptions::ready_args. Nothing has to be linked. C99,
 * C++ and GNU/Linux; glibc before 2.34 needs -ldl.
 */
#ifndef SPAWNTPL_READY_H
#define SPAWNTPL_READY_H

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/**
 * Warm children of this program are copies of it as it is in this call, and return from it with 1.
 * Their arguments and their environment, as those of main(), are then in *@p argc, *@p argv and
 * *@p envp, and `environ` is that environment; they belong to the process and may be changed.
 *
 * In a program that was not started as a template the call does nothing and returns 0, and so does
 * each further one.
 *
 * @p files are the absolute names of files that the program has read, NULL-terminated, or null: a
 * template that was made of other files is not used any more. The program itself and its libraries
 * need not be named.
 *
 * What a child finds afterwards: descriptors, working directory, umask, limits, signal mask,
 * process group and all else of its Command and its caller, as it would from an exec. What it
 * shares with the other children is what the program has in memory, random state, seeds of hashes
 * and the stack's canary among it: seed anew what must not be guessed. A child of another user has
 * what the program has read with the rights of the caller. Handlers of
 * pthread_atfork(3) run as for fork(2); what a language's runtime does at a fork is the caller's to
 * do. Dispositions of signals are those that the program has set by then. What it has copied of the
 * environment before is what the first child's was, for all children to find; what it has kept
 * pointers to, such as the results of getenv(3), is an empty string afterwards.
 *
 * Not possible, and the reason why children are not started warm: more than one thread, children of
 * the program, descriptors beside 0, 1 and 2, timers, memory that is shared or locked, other ids,
 * groups, capabilities or session than at the start of the program. Buffers of
 * stdio are flushed. Standard input, output and error are /dev/null before the call.
 *
 * Call it from the main thread.
 */
static inline int spawntpl_ready(const char *const *files, int *argc, char ***argv, char ***envp)
{
	int (*ready)(const char *const *, int *, char ***, char ***);
	/*
	 * Program and template process may be of different builds: another meaning would have
	 * another number. NULL is RTLD_DEFAULT, which is there for _GNU_SOURCE only.
	 */
	void *found = dlsym(NULL, "spawntpl_warm_ready_1");

	memcpy(&ready, &found, sizeof(ready));
	return ready ? ready(files, argc, argv, envp) : 0;
}

#endif
