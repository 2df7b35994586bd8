// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// benchcallee.c - see benchcallee.h.
#include "benchcallee.h"
#include "xheap.h"

static void *held[BENCHCALLEE_HELD_MAX];
static int held_count;

int benchcallee_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    return 0;
}

int benchcallee_null(uint64_t value) {
    return (int)(value & INT32_MAX);
}

int benchcallee_keep(void *object) {
    if (held_count == BENCHCALLEE_HELD_MAX) {
        int failed = xheap_free(object);
        return failed ? failed : -ENOMEM;
    }
    held[held_count++] = object;
    return held_count;
}

int benchcallee_hand(uint32_t count) {
    if (count > BENCHCALLEE_HAND_MAX || count > (uint32_t)held_count)
        return -EINVAL;
    if (!count)
        return 0;
    int passed = xheap_pass_all(held + held_count - count, count);
    if (passed < 0)
        return passed;
    held_count -= (int)count;
    return (int)count;
}

int benchcallee_drop(void) {
    int dropped = 0;
    while (held_count) {
        int failed = xheap_free(held[--held_count]);
        if (failed)
            return failed;
        dropped++;
    }
    return dropped;
}
