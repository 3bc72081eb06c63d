/* SPDX-License-Identifier: MIT */
/*
 * Executes itself, without libc and without a fork, as often as its argument says: a decimal number
 * in digits of a fixed width. Ends with status 0 only when it has come to zero.
 */

__asm__(".globl _start\n"
	"_start:\n"
	"	mov %rsp, %rdi\n"
	"	call run\n");

static long call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

static int count_down(char *digits)
{
	char *last = digits;

	while (last[1])
		++last;
	for (; last >= digits; --last) {
		if (*last != '0') {
			--*last;
			return 1;
		}
		*last = '9';
	}
	return 0;
}

/* The stack of a new program: argc, argv, a null pointer, envp. */
__attribute__((used, noreturn)) static void run(long *stack)
{
	char **argv = (char **)(stack + 1);
	char **envp = argv + stack[0] + 1;
	long status = 2;

	if (stack[0] == 2) {
		status = count_down(argv[1]);
		if (status)
			call(59 /* execve */, (long)argv[0], (long)argv, (long)envp);
	}
	for (;;)
		call(60 /* exit */, status, 0, 0);
}
