// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// step.h - every gate kind, one instruction at a time, with a thread switch after each.
//
// Makes one call of each kind, sets the trap flag, and makes them again; the nucleus (CONFIG_TEST_STEP) turns every trap into a tick that
// switches to another thread; stepcallee_partner yields straight back. The results must be those of the undisturbed calls. The report, and the thread's end, are stepped too.
// Prints per kind STEP <kind> switches=<n> result=<n>, and then STEP end errors=<n>. A storm of ticks alone misses rare
// instructions; this has them all (test 22 of the gates' test list).
#ifndef STEP_H
#define STEP_H

#include <stdint.h>
#include "gate.h"

GATE(step) int step_init(uint32_t generation, int persist_valid);

// Returns 0, or 1 when a result differed or no switch happened.
THREAD(step, 10) int step_run(void);

#endif
