// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// patience.h - how kv waits for a domain that died: a restart takes well below a millisecond; private to kv.
#ifndef KV_PATIENCE_H
#define KV_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

struct patience {
    uint64_t until_ns;         // on the clock of time_now_ns()
    uint32_t turns;            // so far
};

// Lets others run, at first by yielding, then for PATIENCE_SLEEP_NS. False when the time is over. Blocks.
#define PATIENCE_YIELDS 10
#define PATIENCE_SLEEP_NS 100000
bool patience_wait(struct patience *patience);

#endif
