// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// stormcallee.h - the other side of the storm: checks what arrives, and keeps a thread of its own busy.
#ifndef STORMCALLEE_H
#define STORMCALLEE_H

#include <stdint.h>
#include "gate.h"
#include "rights.h"

GATE(stormcallee) int stormcallee_init(uint32_t generation, int persist_valid);

// The six arguments must be first, first + 1 .. first + 5. Returns first * 7 + 1, cut to 31 bits;
// -EINVAL when an argument arrived wrong, -EPERM when the rights are not this domain's.
GATE(stormcallee) int stormcallee_check(uint64_t first, uint64_t second, uint64_t third, uint64_t fourth, uint64_t fifth,
                                        uint64_t sixth);

// How often the thread below found its rights or registers changed. Returns that number; the turns in *turns.
GATE(stormcallee) int stormcallee_errors(lend_out(sizeof(uint64_t)) uint64_t *turns);

// Computes for ever, so that ticks switch between the two domains. Never returns.
THREAD(stormcallee, 10) int stormcallee_spin(void);

#endif
