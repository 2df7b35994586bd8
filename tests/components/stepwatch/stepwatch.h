// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// stepwatch.h - a third domain that compares, at every thread switch, who owns an object with who acts as its owner.
//
// Whoever has the object claims it (its second word is the domain's id) while it may use it as its own, and drops the claim
// before it lets go. A claim beside another owner in the table is what a third domain must never see: a stale owner.
#ifndef STEPWATCH_H
#define STEPWATCH_H

#include <stdint.h>
#include "gate.h"

#define STEPWATCH_CLAIM 1 // index of the word

// From now on the object at address is looked at; 0: none. Returns 0.
GATE(stepwatch) int stepwatch_watch(uint64_t address);

// How often the object was looked at while step claimed it, and while the callee did; how often a claim was wrong. Returns 0.
GATE(stepwatch) int stepwatch_seen(uint32_t step, uint32_t callee, lend_out(3 * sizeof(uint64_t)) uint64_t *counts);

// Looks and yields for ever. Returns only when that fails.
THREAD(stepwatch, 10) int stepwatch_look(void);

#endif
