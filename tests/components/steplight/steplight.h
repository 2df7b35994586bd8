// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// steplight.h - what step calls through a light gate. Reentrant, no state.
#ifndef STEPLIGHT_H
#define STEPLIGHT_H

#include <stdint.h>
#include "gate.h"

GATE(steplight) int steplight_init(uint32_t generation, int persist_valid);

// A number that depends on each bit of the six arguments; never negative.
GATE(steplight) int steplight_mix(uint64_t first, uint64_t second, uint64_t third, uint64_t fourth, uint64_t fifth,
                                  uint64_t sixth);

#endif
