// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// storm.h - ten million calls through a full gate while a fast timer preempts both sides.
//
// After each call the result and the rights are checked, here and in stormcallee; a thread in stormcallee's domain
// competes for the CPU. Prints one line: STORM calls=<n> switches=<n> turns=<n> errors=<n>.
// Source of the idea: test 23 of the gates' test list. It misses rare instructions; the component step has them all.
#ifndef STORM_H
#define STORM_H

#include <stdint.h>
#include "gate.h"

GATE(storm) int storm_init(uint32_t generation, int persist_valid);

// Returns 0, or 1 when anything was wrong. The boot argument calls=<n> changes the number of calls.
THREAD(storm, 10) int storm_run(void);

#endif
