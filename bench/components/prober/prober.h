// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// prober.h - how long a component is away when it faults (make bench-recovery).
//
// For each component that can be called, in turn: asks for a fault in the next call, makes that call, and calls again
// until the answer is not -EDOMAINDEAD. Prints, per round, nanoseconds:
//   RECOVERY component=fs total=... detect=... unwind=... wait=... reclaim=... reset=... init=... calls=...
// total: from the call that faults to the return of the first that is served, both included, by the TSC. The parts are
// the monitor's own (recovery.h). calls: how many were made until one was served.
// With the boot arguments crash=fs crash_ms=10 it only crashes that component, so often; crash=none: nothing.
#ifndef PROBER_H
#define PROBER_H

#include "gate.h"

// Returns 0 when all rounds are over.
THREAD(prober, 11) int prober_run(void);
// Keeps the scheduler busy: it is asked only when there is a choice.
THREAD(prober, 11) int prober_partner(void);

#endif
