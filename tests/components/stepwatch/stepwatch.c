// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// stepwatch.c - see stepwatch.h.
#include "stepwatch.h"
#include "address_map_asm.h"
#include "thread.h"
#include "xheap.h"

static volatile uint64_t watched;
static uint64_t looks[DOMAIN_MAX], wrong;

int stepwatch_watch(uint64_t address) {
    watched = address;
    return 0;
}

int stepwatch_seen(uint32_t step, uint32_t callee, uint64_t *counts) {
    counts[0] = looks[step % DOMAIN_MAX];
    counts[1] = looks[callee % DOMAIN_MAX];
    counts[2] = wrong;
    return 0;
}

int stepwatch_look(void) {
    int failed;
    do {
        const volatile uint64_t *object = (const volatile uint64_t *)watched;
        if (!object)
            continue;
        // A switch in between: claimed, let go, and claimed again does not fit into one.
        const uint64_t before = object[STEPWATCH_CLAIM];
        const uint8_t owner = xheap_owner_of((const void *)(uintptr_t)object, 1);
        if (before && before == object[STEPWATCH_CLAIM] && before < DOMAIN_MAX) {
            looks[before]++;
            wrong += owner != before;
        }
    } while (!(failed = thread_yield()));
    return failed;
}
