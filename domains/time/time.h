// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// time.h - what time is it.
//
// Interface:
//   time_now_ns, time_wall_ns    (clock.h) read the public page: no gate, no system call, any domain, any thread
//   time_statistics              how well the clock follows the platform's reference
//
// The monitor calibrates the clock at boot; this component measures its drift once a second and has the
// monitor slew it. Invariant: time_now_ns never goes backwards, on any thread.
// It does not do time zones, leap seconds or timers (thread_sleep_until and event_wait take deadlines).
#ifndef TIME_H
#define TIME_H

#include <stdint.h>
#include "clock.h"
#include "gate.h"
#include "errors.h"

struct time_statistics {
    uint64_t corrections;      // accepted by the monitor
    uint64_t refused;          // refused by the monitor, or the reference could not be read
    int64_t error_ns;          // clock minus reference, at the last measurement
    int64_t error_max_ns;      // the largest magnitude of error_ns so far
    uint64_t multiplier;       // in force: ns per TSC tick, times 2^32
};

// Called by the monitor: starts from the rate that the boot calibrated, after a restart as well; the clock goes on as
// it was until the first correction, and never steps. Returns 0. Does not block.
GATE(time) int time_init(uint32_t generation, int persist_valid);

// How well the clock follows, for people and tests: fills *out, changes nothing. Returns 0. Does not block.
GATE(time) int time_statistics(lend_out(sizeof(struct time_statistics)) struct time_statistics *out);

// Once a second: measures the drift, and asks the monitor for a correction. Returns only when sleeping fails, with that error.
THREAD(time, 4) int time_discipline(void);

#endif
