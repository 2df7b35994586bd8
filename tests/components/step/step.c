// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// step.c - see step.h.
#include "step.h"
#include "boot.h"
#include "device.h"
#include "domain.h"
#include "log.h"
#include "public.h"
#include "stepcallee.h"
#include "steplight.h"
#include "stepwatch.h"
#include "xheap.h"

#define OBJECT_BYTES 256
#define FLAG_TRAP 0x100ull
#define SEED 0x123456789abcdefull

int step_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    return 0;
}

static int call_full(void) {
    return stepcallee_mix(SEED, SEED + 1, SEED + 2, SEED + 3, SEED + 4, SEED + 5);
}

static int call_light(void) {
    return steplight_mix(SEED, SEED + 1, SEED + 2, SEED + 3, SEED + 4, SEED + 5);
}

static int call_give(void) {
    uint64_t *object = xheap_alloc(OBJECT_BYTES);
    if (!object)
        return -ENOMEM;
    *object = SEED;
    object[STEPWATCH_CLAIM] = domain_self;
    if (stepwatch_watch((uint64_t)object) < 0)
        return -EIO;
    if (!boot_number("control", 0))
        object[STEPWATCH_CLAIM] = 0;
    return stepcallee_eat(object);
}

static int call_gives(void) {
    int index = stepcallee_make(SEED);
    if (index < 0)
        return index;
    uint64_t *object = xheap_take((unsigned)index);
    if (!object)
        return -ENOENT;
    object[STEPWATCH_CLAIM] = domain_self;
    int value = (int)(*object & INT32_MAX);
    object[STEPWATCH_CLAIM] = 0;
    int failed = xheap_free(object);
    return failed ? failed : value;
}

static int call_lend(void) {
    uint64_t words[4] = {SEED, SEED + 1, SEED + 2, SEED + 3};
    return stepcallee_sum(words, sizeof(words));
}

static int call_monitor(void) {
    return device_event(DEVICE_CONSOLE);
}

static const struct {
    const char *name;
    int (*call)(void);
} kinds[] = {{"full", call_full}, {"light", call_light}, {"give", call_give}, {"gives", call_gives},
             {"lend", call_lend}, {"monitor", call_monitor}};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

// From here on this thread is single-stepped, to its very end: the instruction that cleared the flag would still trap,
// and the nucleus could not tell that trap from a fault.
static void step_from_here(void) {
    __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | FLAG_TRAP);
}

int step_run(void) {
    int expected[KINDS], result[KINDS];
    uint64_t switches[KINDS];
    unsigned errors = 0;
    for (unsigned i = 0; i < KINDS; i++)
        expected[i] = kinds[i].call(); // also fills the caches, so that the stepped call takes the same path
    step_from_here();
    for (unsigned i = 0; i < KINDS; i++) {
        switches[i] = public_area.switches;
        result[i] = kinds[i].call();
        switches[i] = public_area.switches - switches[i];
    }
    for (unsigned i = 0; i < KINDS; i++) {
        log_line("STEP %s switches=%lu result=%d expected=%d", kinds[i].name, switches[i], result[i], expected[i]);
        errors += result[i] != expected[i] || expected[i] < 0 || switches[i] == 0;
    }
    uint64_t seen[3] = {0};
    errors += stepwatch_watch(0) != 0 || stepwatch_seen(domain_self, (uint32_t)stepcallee_domain(), seen) != 0;
    log_line("STEP watched step=%lu callee=%lu stale=%lu", seen[0], seen[1], seen[2]);
    log_line("STEP end errors=%u", errors);
    return errors != 0;
}
