// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// clock.c - Linux's monotonic clock is the reference; the TSC is measured against it once, at the start.
#include <asm/unistd.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include "host.h"

#define CALIBRATION_NS 5000000 // the time component refines it later, once a second

int64_t nucleus_clock_reference(uint32_t wall) {
    struct __kernel_timespec now;
    SYSCALL(__NR_clock_gettime, wall ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

void clock_start(void) {
    struct public *public = alias(PUBLIC_BASE);
    uint64_t start_ns = (uint64_t)nucleus_clock_reference(0), start_tsc = __builtin_ia32_rdtsc(), now_ns, now_tsc;
    do {
        now_ns = (uint64_t)nucleus_clock_reference(0);
        now_tsc = __builtin_ia32_rdtsc();
    } while (now_ns - start_ns < CALIBRATION_NS);
    uint64_t ns = now_ns - start_ns, tsc = now_tsc - start_tsc;
    public->clock.base_tsc = now_tsc;
    public->clock.base_ns = now_ns;
    public->clock.multiplier = (ns << 32) / tsc;
    public->clock.wall_offset_ns = (uint64_t)nucleus_clock_reference(1) - now_ns;
    public->clock.tsc_khz = tsc * 1000000 / ns;
}
