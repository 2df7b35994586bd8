// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fake.c - see fake.h.
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fake.h"

struct public fake_public;
uint64_t domain_copied; // lib/copy.h
extern const volatile struct public public_area __attribute__((alias("fake_public")));

// The monitor's, for alloc.c: the tests have one thread, so nobody ever waits.
int thread_sleep_until(uint64_t deadline_ns);
int thread_sleep_until(uint64_t deadline_ns) {
    (void)deadline_ns;
    abort();
}

// For who waits for a domain that died: nobody else runs here.
int thread_yield(void);
int thread_yield(void) { return 0; }
int call_deadline(uint64_t deadline_ns);
int call_deadline(uint64_t deadline_ns) { return (void)deadline_ns, 0; }

bool faults(void (*function)(void)) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGILL, SIG_DFL); // cmocka catches it
        function();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGILL;
}

uint32_t random_next(void) {
    static uint64_t state = 0x9e3779b97f4a7c15;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}
