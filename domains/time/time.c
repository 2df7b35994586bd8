// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// time.c - see time.h.
//
// Reading the clock needs nothing from this domain, so when it dies the time goes on, only uncorrected.
// Invariant: whatever this file asks for, the monitor refuses rates that are off by more than 0.1%.
#include "discipline.h"
#include "persist.h"
#include "string.h"
#include "thread.h"
#include "time.h"

#define PERIOD_NS 1000000000
#define WINDOW_CYCLES 1000000   // a reading that was interrupted for longer than this says nothing; take the next one
#define ATTEMPTS 4

static struct time_statistics statistics;
static struct discipline discipline;

// The boot's calibration, round which corrections stay: were it the rate in force, that could walk away from restart to
// restart. What was kept is believed when it is as close to that rate as two corrections can be apart.
static PERSISTENT uint64_t calibrated;

int time_init(uint32_t generation, int persist_valid) {
    (void)generation;
    uint64_t now = public_area.clock.multiplier, distance = calibrated > now ? calibrated - now : now - calibrated;
    if (!persist_valid || distance > now / 1000)
        calibrated = now;
    discipline_start(&discipline, calibrated);
    statistics = (struct time_statistics){.multiplier = discipline.nominal};
    return 0;
}

int time_statistics(struct time_statistics *out) {
    memcpy(out, &statistics, sizeof(statistics));
    return 0;
}

// Reads TSC, clock and reference as close to one instant as this platform lets us. Returns 0 or a negative error.
static int measure(uint64_t *tsc, uint64_t *clock_ns, uint64_t *reference_ns) {
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        uint64_t tsc_before = __builtin_ia32_rdtsc(), clock_before = time_now_ns();
        int64_t reference = clock_reference(0);
        uint64_t clock_after = time_now_ns(), tsc_after = __builtin_ia32_rdtsc();
        if (reference < 0)
            return -EIO;
        if (tsc_after - tsc_before > WINDOW_CYCLES)
            continue;
        *tsc = tsc_before + (tsc_after - tsc_before) / 2;
        *clock_ns = clock_before + (clock_after - clock_before) / 2;
        *reference_ns = (uint64_t)reference;
        return 0;
    }
    return -EAGAIN;
}

static int correct(void) {
    uint64_t tsc = 0, clock_ns = 0, reference_ns = 0;
    int result = measure(&tsc, &clock_ns, &reference_ns);
    if (result < 0)
        return result;
    uint64_t multiplier = discipline_step(&discipline, tsc, reference_ns, clock_ns);
    statistics.error_ns = discipline.error_ns;
    int64_t magnitude = discipline.error_ns < 0 ? -discipline.error_ns : discipline.error_ns;
    if (magnitude > statistics.error_max_ns)
        statistics.error_max_ns = magnitude;

    uint64_t wall_offset_ns = public_area.clock.wall_offset_ns;
    int64_t wall_ns = clock_reference(1);
    if (wall_ns > 0) // a platform without a wall clock keeps its offset
        wall_offset_ns = (uint64_t)wall_ns - time_now_ns();
    result = clock_adjust(multiplier, wall_offset_ns);
    if (result == 0)
        statistics.multiplier = multiplier;
    return result;
}

int time_discipline(void) {
    for (;;) {
        if (correct() == 0)
            statistics.corrections++;
        else
            statistics.refused++;
        int result = thread_sleep_until(time_now_ns() + PERIOD_NS);
        if (result < 0)
            return result;
    }
}
