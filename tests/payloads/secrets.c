// SPDX-License-Identifier: MIT
// Prints what no two processes should have in common: the canary of the stack and the kernel's
// random bytes; with an argument what libc knows of the process.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

int main(int argc, char** argv) {
    (void)argv;
    if (argc > 1) {
        // A lock that checks its owner takes the thread's id from where libc keeps it.
        pthread_mutexattr_t attributes;
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
        pthread_mutex_t lock;
        pthread_mutex_init(&lock, &attributes);
        pthread_mutex_lock(&lock);
        printf("%d %s %s\n", lock.__data.__owner, program_invocation_name,
               program_invocation_short_name);
        return 0;
    }
    unsigned long canary;
    __asm__("mov %%fs:0x28, %0" : "=r"(canary));
    const unsigned long* random = (const unsigned long*)getauxval(AT_RANDOM);
    printf("%lx %lx %lx\n", canary, random[0], random[1]);
    return 0;
}
