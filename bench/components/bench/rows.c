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
#define CHAINS 32
#define GIVEN (BENCHCALLEE_HELD_MAX / 2) // = XHEAP_BATCH: one refill, outside the measured time

_Static_assert(GIVEN == BENCHCALLEE_HAND_MAX, "one call hands over all");
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

// What it costs that calls hand over objects: the same calls with HANDED of them and with none.
static int64_t hand(uint32_t count) {
    void *object[GIVEN];
    for (uint32_t i = 0; i < GIVEN; i++)
        if (!(object[i] = xheap_alloc(HEAP_BYTES)) || benchcallee_keep(object[i]) < 0)
            return -1;
    uint64_t start = cycles_now();
    int got = benchcallee_hand(count);
    size_t taken = xheap_take_all(object, GIVEN);
    uint64_t end = cycles_now();
    for (size_t i = 0; i < taken; i++)
        if (xheap_free(object[i]) < 0)
            return -1;
    int left = benchcallee_drop();
    return got == (int)count && taken == count && left == (int)(GIVEN - count) ? (int64_t)(end - start) : -1;
}

static int64_t batch_give_none(void) { return hand(0); }
static int64_t batch_give_32(void) { return hand(GIVEN); }

// A root and its children, attached before: one give moves all of them.
static int64_t batch_give_chain_32(void) {
    void *root[CHAINS], *child[GIVEN];
    for (uint32_t i = 0; i < CHAINS; i++) {
        if (!(root[i] = xheap_alloc(HEAP_BYTES)))
            return -1;
        for (uint32_t j = 0; j < GIVEN; j++)
            if (!(child[j] = xheap_alloc(XHEAP_GRANULE_BYTES)))
                return -1;
        if (xheap_attach(root[i], child, GIVEN) < 0)
            return -1;
    }
    uint64_t start = cycles_now();
    for (uint32_t i = 0; i < CHAINS; i++)
        if (__builtin_expect(benchcallee_keep(root[i]) < 0, 0))
            return -1;
    uint64_t end = cycles_now();
    return benchcallee_drop() == CHAINS ? (int64_t)(end - start) : -1;
}

// The callee's side of a lend: what its stub asks of an object that another domain owns.
static int64_t check_all(const void *object) { MEASURE(xheap_check(object, HEAP_BYTES)); }
static int64_t batch_lend_check(void) {
    void *object = xheap_alloc(HEAP_BYTES);
    if (!object || benchcallee_keep(object) < 0)
        return -1;
    int64_t cycles = check_all(object);
    return benchcallee_drop() == 1 ? cycles : -1;
}

// The caller's side.
static int lend_pair(const void *object) {
    int begun = xheap_lend_begin(object, HEAP_BYTES);
    if (begun == 0)
        xheap_lend_end();
    return begun;
}
static int64_t lend_all(const void *object) { MEASURE(lend_pair(object)); }
static int64_t batch_lend_pair(void) {
    void *object = xheap_alloc(HEAP_BYTES);
    int64_t cycles = object ? lend_all(object) : -1;
    return object && xheap_free(object) == 0 ? cycles : -1;
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
    {"give_none", batch_give_none, 1},
    {"give_32", batch_give_32, 1},
    {"give_chain_32", batch_give_chain_32, CHAINS},
    {"lend_check", batch_lend_check, BATCH},
    {"lend_pair", batch_lend_pair, BATCH},
    {"context_switch", batch_context_switch, BATCH},
    {"heap_pair", batch_heap_pair, BATCH},
    {"clock_read", batch_clock_read, BATCH},
};
const uint32_t row_count = sizeof(rows) / sizeof(rows[0]);
