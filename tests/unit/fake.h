// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fake.h - what the unit tests need of a system: a public page to write, a heap that can run out, cmocka.
#ifndef TESTS_UNIT_FAKE_H
#define TESTS_UNIT_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "public.h"
#include "recovery.h"

extern struct public fake_public;      // the same memory as public_area, but writable
extern size_t fake_heap_used, fake_heap_limit; // fake_heap.c: bytes in live blocks; allocations beyond limit fail
extern size_t fake_heap_countdown;     // so many allocations from now on succeed, the next one fails, then all is well again
extern size_t fake_objects, fake_object_limit; // fake_services.c: shared-heap objects in use; as many as there may be
extern struct fault_row fake_faults[]; // fake_services.c: what faults_read() has; as many as
extern int fake_fault_count;
extern char fake_line[];               // fake_services.c: the last line for the console

// True when function faults (#UD, as a failed invariant does) in a child process.
bool faults(void (*function)(void));

// Deterministic random numbers: a failure comes again.
uint32_t random_next(void);
static inline uint32_t random_below(uint32_t limit) { return random_next() % limit; }

#endif
