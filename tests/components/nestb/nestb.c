// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// nestb.c - see nestb.h.
#include "nestb.h"
#include "domain.h"
#include "nesta.h"
#include "nesty.h"
#include "thread.h"
#include "xheap.h"

static int current;

int nestb_init(uint32_t generation, int persist_valid) {
    (void)persist_valid;
    current = (int)generation;
    return 0;
}

int nestb_generation(void) { return current; }
int nestb_domain(void) { return domain_self; }
int nestb_crash(void) { __builtin_trap(); }
int nestb_wait(void) { return event_wait(NESTB_EVENT, event_count(NESTB_EVENT), DEADLINE_NEVER); }
int nestb_through(void) { return nesty_wait(); }
int nestb_through_crash(void) { return nesty_wait_crash(); }
int nestb_add(uint32_t value) { return nesty_add(value); }

int nestb_descend(uint32_t depth, uint32_t crashes) {
    if (depth) return nesta_descend(depth - 1, crashes);
    if (crashes) __builtin_trap();
    return 0;
}

int nestb_fetch(uint32_t count) {
    int came = nesty_hand(count), freed = 0;
    for (int i = 0; i < came; i++) freed += xheap_free(xheap_take((unsigned)i)) == 0;
    return freed;
}

int nestb_keep(void *object) { return object ? 0 : -EINVAL; }
int nestb_sleep(void) { return thread_sleep_until(DEADLINE_NEVER - 1); }

int nestb_busy(void) {
    int result = 0;
    while (result >= 0) result = nesty_add(0);
    return result;
}

int nestb_spin(void) {
    for (volatile int i = 0;; i = i + 1);
}
