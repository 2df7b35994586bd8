// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// stepcallee.c - see stepcallee.h.
#include "stepcallee.h"
#include "domain.h"
#include "stepwatch.h"
#include "thread.h"
#include "xheap.h"

#define OBJECT_BYTES 256

int stepcallee_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    return 0;
}

int stepcallee_domain(void) { return domain_self; }

int stepcallee_mix(uint64_t first, uint64_t second, uint64_t third, uint64_t fourth, uint64_t fifth, uint64_t sixth) {
    uint64_t value = first * 3 + second * 5 + third * 7 + fourth * 11 + fifth * 13 + sixth * 17;
    return (int)((value ^ value >> 32) & INT32_MAX);
}

int stepcallee_eat(uint64_t *object) {
    object[STEPWATCH_CLAIM] = domain_self;
    int value = (int)(*object & INT32_MAX);
    object[STEPWATCH_CLAIM] = 0;
    int failed = xheap_free(object);
    return failed ? failed : value;
}

int stepcallee_make(uint64_t value) {
    uint64_t *object = xheap_alloc(OBJECT_BYTES);
    if (!object)
        return -ENOMEM;
    *object = value;
    object[STEPWATCH_CLAIM] = domain_self;
    if (stepwatch_watch((uint64_t)object) < 0)
        return -EIO;
    object[STEPWATCH_CLAIM] = 0;
    return xheap_pass(object);
}

int stepcallee_sum(const uint64_t *words, size_t bytes) {
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes / sizeof(*words); i++)
        sum += words[i];
    return (int)(sum & INT32_MAX);
}

int stepcallee_partner(void) {
    int failed;
    while (!(failed = thread_yield()))
        ;
    return failed;
}
