// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// clock.c - the clock page, corrected on behalf of the time component. Reading it needs nobody (core/include/clock.h).
#include "clock.h"
#include "monitor.h"
#include "nucleus.h"
#include "string.h"

int64_t clock_reference(uint32_t wall) { return wall > 1 ? -EINVAL : nucleus_clock_reference(wall); }

static bool is_time(uint32_t domain) {
    for (uint32_t i = 0; i < component_count; i++)
        if (!strcmp(component_table[i].name, "time")) return component_table[i].domain == domain;
    return false;
}

int clock_adjust(uint64_t multiplier, uint64_t wall_offset_ns) {
    if (!is_time(monitor_caller())) return -EPERM;
    volatile struct public_clock *clock = &public_writable()->clock;
    static uint64_t calibrated; // at boot, by the nucleus: a broken time component cannot walk away from it step by step
    uint64_t old = clock->multiplier;
    if (!calibrated) calibrated = old;
    uint64_t distance = multiplier > calibrated ? multiplier - calibrated : calibrated - multiplier;
    if (distance > calibrated / 1000) return -EINVAL;
    uint64_t tsc = __builtin_ia32_rdtsc();
    uint64_t now_ns = clock->base_ns + (uint64_t)(((unsigned __int128)(tsc - clock->base_tsc) * old) >> 32);
    clock->sequence++;
    clock->base_tsc = tsc; // from the present value on, at the new rate: it never steps
    clock->base_ns = now_ns;
    clock->multiplier = multiplier;
    clock->wall_offset_ns = wall_offset_ns;
    clock->sequence++;
    return 0;
}
