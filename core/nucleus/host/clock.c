// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// clock.c - Linux's monotonic clock is the reference; the TSC is measured against it once, at the start.
#include <asm/unistd.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include "host.h"

#define CALIBRATION_READINGS 16
#define CALIBRATION_NS 5000000 // the time component refines it later, once a second

int64_t nucleus_clock_reference(uint32_t wall) {
    struct __kernel_timespec now;
    SYSCALL(__NR_clock_gettime, wall ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

// Both clocks at one instant: of several readings the one that took least. An interruption in between would be an error of
// the rate, and clock_adjust() allows only small corrections of it.
static void sample(uint64_t *ns, uint64_t *tsc) {
    uint64_t least = 0;
    for (int i = 0; i < CALIBRATION_READINGS; i++) {
        uint64_t before = __builtin_ia32_rdtsc(), reading = (uint64_t)nucleus_clock_reference(0), took = __builtin_ia32_rdtsc() - before;
        if (i && took >= least) continue;
        least = took;
        *ns = reading;
        *tsc = before + took / 2;
    }
}

void clock_start(int64_t entered_ns) {
    struct public *public = alias(PUBLIC_BASE);
    uint64_t start_ns = 0, start_tsc = 0, now_ns = 0, now_tsc = 0;
    sample(&start_ns, &start_tsc);
    while ((uint64_t)nucleus_clock_reference(0) - start_ns < CALIBRATION_NS) continue;
    sample(&now_ns, &now_tsc);
    uint64_t ns = now_ns - start_ns, tsc = now_tsc - start_tsc;
    public->clock.base_tsc = now_tsc;
    public->clock.base_ns = now_ns;
    public->clock.multiplier = (ns << 32) / tsc;
    public->clock.wall_offset_ns = (uint64_t)nucleus_clock_reference(1) - now_ns;
    public->clock.tsc_khz = tsc * 1000000 / ns;
    public->start_ns = (uint64_t)entered_ns;
}
