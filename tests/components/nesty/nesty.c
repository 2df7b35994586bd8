// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// nesty.c - see nesty.h.
#include "nesty.h"
#include "thread.h"
#include "xheap.h"

#define HANDED_BYTES 1024

static int inside, left, sum;

static void wait_inside(void) {
    __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    int result = event_wait(NESTY_EVENT, event_count(NESTY_EVENT), DEADLINE_NEVER);
    if (result == 0) __atomic_add_fetch(&left, 1, __ATOMIC_SEQ_CST);
    __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
}

int nesty_wait(void) {
    wait_inside();
    return 5;
}

int nesty_inside(void) { return inside; }
int nesty_left(void) { return left; }
int nesty_add(uint32_t value) { return sum += (int)value; }

int nesty_wait_crash(void) {
    wait_inside();
    __builtin_trap();
}

int nesty_hand(uint32_t count) {
    wait_inside();
    int passed = 0;
    for (uint32_t i = 0; i < count; i++) passed += xheap_pass(xheap_alloc(HANDED_BYTES)) >= 0;
    return passed;
}
