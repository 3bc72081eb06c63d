/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a program, it makes a fork server of it, and that is all: where main() would be
 * called, the program clones itself at each request. Its children belong to the server's parent.
 */
#include "fork_server.h"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef int main_function(int argc, char **argv, char **envp);
typedef int start_function(main_function *main, int argc, char **argv, void (*init)(void),
			   void (*fini)(void), void (*linker_fini)(void), void *stack_end);

start_function __libc_start_main;

/* Returns in each child. */
static void serve(void)
{
	/* What libc's own fork() has the kernel write to; libc does not tell where it is. */
	int *thread_id = NULL;
	pid_t answer = prctl(PR_GET_TID_ADDRESS, &thread_id) ? -errno : 0;
	char request;

	do {
		if (send(fork_server_socket, &answer, sizeof(answer), MSG_NOSIGNAL) < 0 ||
		    recv(fork_server_socket, &request, sizeof(request), 0) <= 0)
			_exit(0);
		answer = syscall(SYS_clone, CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
				 NULL, NULL, thread_id, 0);
		if (answer < 0)
			answer = -errno;
	} while (answer != 0);
}

int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
		      void (*fini)(void), void (*linker_fini)(void), void *stack_end)
{
	start_function *next = (start_function *)dlsym(RTLD_NEXT, "__libc_start_main");
	sigset_t interrupt;

	/* No child is to know, nor what it starts itself. */
	unsetenv("LD_PRELOAD");
	unsetenv("LD_BIND_NOW");
	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	serve();
	/* Only the server is to answer after it. */
	sigprocmask(SIG_UNBLOCK, &interrupt, NULL);
	close(fork_server_socket);
	return next(main, argc, argv, init, fini, linker_fini, stack_end);
}
