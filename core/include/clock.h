// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// clock.h - the clock: how every domain reads it, and how the component `time` has it corrected.
//
// Interface:
//   time_now_ns, time_wall_ns, time_ticks_ns    read the public page: no gate, no system call, any domain, any thread
//   clock_reference, clock_adjust    for `time` alone
//
// Only the monitor writes public_area.clock. Invariant: time_now_ns never goes backwards, on any thread.
// It does not do time zones, leap seconds or timers (thread_sleep_until and event_wait take deadlines).
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>
#include "gate.h"
#include "public.h"
#include "errors.h"

// ns at a TSC value, plus *wall_offset_ns when it is wanted. Retries while the monitor writes; the order of the reads is
// the compiler's duty alone, since writer and reader share the CPU (SMP: x86 keeps loads in order as well).
static inline uint64_t time_read_ns(uint64_t *wall_offset_ns) {
    const volatile struct public_clock *clock = &public_area.clock;
    uint32_t sequence;
    uint64_t now_ns, offset_ns;
    do {
        sequence = clock->sequence;
        uint64_t base_tsc = clock->base_tsc, base_ns = clock->base_ns, multiplier = clock->multiplier;
        offset_ns = clock->wall_offset_ns;
        uint64_t elapsed = __builtin_ia32_rdtsc() - base_tsc;
        now_ns = base_ns + (uint64_t)(((unsigned __int128)elapsed * multiplier) >> 32);
    } while ((sequence & 1) || sequence != clock->sequence);
    if (wall_offset_ns)
        *wall_offset_ns = offset_ns;
    return now_ns;
}

// How long so many ticks of the TSC last, at the present rate.
static inline uint64_t time_ticks_ns(uint64_t ticks) {
    return (uint64_t)(((unsigned __int128)ticks * public_area.clock.multiplier) >> 32);
}

// Monotonic time since an origin fixed at boot. Cannot fail.
static inline uint64_t time_now_ns(void) { return time_read_ns(0); }

// Time since 1970-01-01 UTC. Cannot fail; may step when the platform's wall clock was set.
static inline uint64_t time_wall_ns(void) {
    uint64_t offset_ns, now_ns = time_read_ns(&offset_ns);
    return now_ns + offset_ns;
}

// The platform's own clock in ns, slow to read. wall 0: monotonic, on the same origin as time_now_ns(), for comparison with
// it; wall 1: since 1970-01-01 UTC. -EINVAL for another wall; -ENODEV when the platform has no such clock.
GATE(monitor) int64_t clock_reference(uint32_t wall);

// From now on, time advances by multiplier / 2^32 ns per TSC tick, starting at the present reading, and wall time is
// time + wall_offset_ns. -EPERM unless the calling domain is that of `time`; -EINVAL when multiplier differs by
// more than 0.1% from the one calibrated at boot, so that a broken `time` can neither stop nor race the clock.
GATE(monitor) int clock_adjust(uint64_t multiplier, uint64_t wall_offset_ns);

#endif
