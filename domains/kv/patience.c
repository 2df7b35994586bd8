// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// patience.c - see patience.h.
#include "patience.h"
#include "clock.h"
#include "recovery.h"
#include "thread.h"

#define SECOND_NS 1000000000

static uint64_t guard_ns = DEADLINE_NEVER; // of all calls but those in a hurry
uint64_t patience_renew_tsc, patience_wait_ns;

// A time that has passed, or nearly, is refused: then the one before holds on, and the next round has a later one.
static void set(uint64_t deadline_ns) {
    int result = call_deadline(deadline_ns);
    (void)result;
}

bool patience_wait(struct patience *patience) {
    uint64_t now_ns = time_now_ns();
    if (now_ns >= patience->until_ns)
        return false;
    int waited = patience->turns++ < PATIENCE_YIELDS ? thread_yield() : thread_sleep_until(now_ns + PATIENCE_SLEEP_NS);
    return waited >= 0;
}

// After a quarter of its time; a call may wait for half of it.
uint64_t patience_renew(void) {
    set(guard_ns = time_now_ns() + PATIENCE_GUARD_NS);
    patience_renew_tsc = __builtin_ia32_rdtsc() + public_area.clock.tsc_khz * (PATIENCE_GUARD_NS / 4 / 1000000);
    return patience_wait_ns = guard_ns - PATIENCE_GUARD_NS / 2;
}

void patience_hurry(void) { set(time_now_ns() + SECOND_NS); }

void patience_relax(void) { set(guard_ns); }
