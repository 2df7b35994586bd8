// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// benchcallee.h - the other side of the measured gates: functions that do nothing.
//
// Invariant: reentrant, without state but for the objects that it was given, so that what is measured is the crossing.
#ifndef BENCHCALLEE_H
#define BENCHCALLEE_H

#include <stdint.h>
#include "gate.h"

#define BENCHCALLEE_HELD_MAX 64
#define BENCHCALLEE_HAND_MAX 32 // = XHEAP_BATCH: what a receive path hands over at once

GATE(benchcallee) int benchcallee_init(uint32_t generation, int persist_valid);

// Returns value, cut to 31 bits. The gate of this edge is of the kind that BENCHCALLEE_GATE names (full).
GATE(benchcallee) int benchcallee_null(uint64_t value);

// Keeps the object. Returns how many it holds, or -ENOMEM (the object is freed) when it holds BENCHCALLEE_HELD_MAX.
GATE(benchcallee) int benchcallee_keep(give void *object);

// Hands over the last count (0..BENCHCALLEE_HAND_MAX) objects that it keeps, through xheap_pass_all(). Returns how
// many, or -EINVAL when it has not as many, or the error of xheap_pass_all().
GATE_GIVES(benchcallee) int benchcallee_hand(uint32_t count);

// Frees every object that it keeps. Returns how many, or the first error of xheap_free().
GATE(benchcallee) int benchcallee_drop(void);

#endif
