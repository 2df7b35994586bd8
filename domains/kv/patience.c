// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// patience.c - see patience.h.
#include "patience.h"
#include "clock.h"
#include "thread.h"

bool patience_wait(struct patience *patience) {
    uint64_t now_ns = time_now_ns();
    if (now_ns >= patience->until_ns)
        return false;
    int waited = patience->turns++ < PATIENCE_YIELDS ? thread_yield() : thread_sleep_until(now_ns + PATIENCE_SLEEP_NS);
    return waited >= 0;
}
