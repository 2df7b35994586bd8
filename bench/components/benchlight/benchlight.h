// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// benchlight.h - a function behind a light gate, for comparison with the full one. Reentrant, no state.
#ifndef BENCHLIGHT_H
#define BENCHLIGHT_H

#include <stdint.h>
#include "gate.h"

GATE(benchlight) int benchlight_init(uint32_t generation, int persist_valid);

// Returns value, cut to 31 bits.
GATE(benchlight) int benchlight_null(uint64_t value);

#endif
