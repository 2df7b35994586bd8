// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// rows.c - one function per row. Each loop has the same shape, so that its own cost (about one cycle per turn) cancels
// in every ratio.
#include <stddef.h>
#include "rows.h"
#include "benchcallee.h"
#include "benchlight.h"
#include "thread.h"
#include "time.h"
#include "xheap.h"

#define HEAP_BYTES 512
#define GIVEN (BENCHCALLEE_HELD_MAX / 2) // = XHEAP_BATCH: one refill, outside the measured time

_Static_assert(GIVEN <= BENCHCALLEE_HELD_MAX, "benchcallee keeps all objects of one batch");

// Cycles of BATCH calls of expression, which must not be negative.
#define MEASURE(expression) \
    uint64_t start = cycles_now(); \
    for (uint32_t i = 0; i < BATCH; i++) \
        if (__builtin_expect((expression) < 0, 0)) \
            return -1; \
    return (int64_t)(cycles_now() - start)

__attribute__((noipa)) static int local_null(uint64_t value) {
    return (int)(value & INT32_MAX);
}

static int64_t batch_call(void) { MEASURE(local_null(i)); }
static int64_t batch_wrpkru(void) { MEASURE((gate_wrpkru(), 0)); }
static int64_t batch_floor(void) { MEASURE((gate_floor(), 0)); }
static int64_t batch_light(void) { MEASURE(benchlight_null(i)); }
static int64_t batch_full(void) { MEASURE(benchcallee_null(i)); }

static int64_t batch_give(void) {
    void *object[GIVEN];
    for (uint32_t i = 0; i < GIVEN; i++)
        if (!(object[i] = xheap_alloc(HEAP_BYTES)))
            return -1;
    uint64_t start = cycles_now();
    for (uint32_t i = 0; i < GIVEN; i++)
        if (__builtin_expect(benchcallee_keep(object[i]) < 0, 0))
            return -1;
    uint64_t end = cycles_now();
    return benchcallee_drop() == GIVEN ? (int64_t)(end - start) : -1;
}

static int64_t batch_context_switch(void) {
    partner_wanted = 1;
    // The partner is runnable after this; the first two yields bring it to its loop.
    if (event_signal(PARTNER_EVENT) < 0 || thread_yield() < 0 || thread_yield() < 0)
        return -1;
    uint64_t start = cycles_now();
    for (uint32_t i = 0; i < BATCH / 2; i++)
        if (__builtin_expect(thread_yield() < 0, 0)) // there and back: two switches
            return -1;
    uint64_t end = cycles_now();
    partner_wanted = 0;
    return thread_yield() < 0 ? -1 : (int64_t)(end - start);
}

static int heap_pair(void) {
    void *object = xheap_alloc(HEAP_BYTES);
    return object ? xheap_free(object) : -1;
}
static int64_t batch_heap_pair(void) {
    // gate_give emptied the magazine, and other rows ran since: glibc_pair does nothing else in between either.
    for (uint32_t i = 0; i < BATCH; i++)
        if (heap_pair() < 0)
            return -1;
    MEASURE(heap_pair());
}

static int clock_read(void) {
    return (int)(time_now_ns() & INT32_MAX);
}
static int64_t batch_clock_read(void) { MEASURE(clock_read()); }

const struct row rows[] = {
    {"call", batch_call, BATCH},
    {"wrpkru", batch_wrpkru, BATCH},
    {"floor", batch_floor, BATCH},
    {"gate_light", batch_light, BATCH},
    {"gate_full", batch_full, BATCH},
    {"gate_give", batch_give, GIVEN},
    {"context_switch", batch_context_switch, BATCH},
    {"heap_pair", batch_heap_pair, BATCH},
    {"clock_read", batch_clock_read, BATCH},
};
const uint32_t row_count = sizeof(rows) / sizeof(rows[0]);
