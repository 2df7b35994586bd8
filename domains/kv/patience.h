// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// patience.h - how long kv waits for others, private to kv: for a domain that died to be back, and for a call to
// return.
//
// Interface: patience_wait, patience_guard, WITHIN_SECOND
//
// Invariant: from the first patience_guard on, a domain that kv calls and that does not return is ended within
// PATIENCE_GUARD_NS, and the call returns -EDOMAINDEAD (core/include/recovery.h).
#ifndef KV_PATIENCE_H
#define KV_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

struct patience {
    uint64_t until_ns;         // on the clock of time_now_ns()
    uint32_t turns;            // so far
};

// Lets others run, at first by yielding, since a restart takes well below a millisecond, then for PATIENCE_SLEEP_NS.
// False when the time is over. Blocks.
#define PATIENCE_YIELDS 10
#define PATIENCE_SLEEP_NS 100000
bool patience_wait(struct patience *patience);

// Once a round. Returns until when, at most, the round's call may wait of its own accord. It seldom needs a call of the
// monitor: the guard's time is long, since the machine below may stand still for a while, and net is not to be ended
// for that.
#define PATIENCE_GUARD_NS 10000000000
extern uint64_t patience_renew_tsc, patience_wait_ns;
uint64_t patience_renew(void);
static inline uint64_t patience_guard(void) {
    return __builtin_ia32_rdtsc() < patience_renew_tsc ? patience_wait_ns : patience_renew();
}

// The result of a call to fs, which works in memory and waits for nobody: after a second it is ended.
#define WITHIN_SECOND(call)                    \
    ({                                         \
        patience_hurry();                      \
        __auto_type within_result = (call);    \
        patience_relax();                      \
        within_result;                         \
    })
void patience_hurry(void);
void patience_relax(void);

#endif
