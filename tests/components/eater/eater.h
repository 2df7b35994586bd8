// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// eater.h - uses up memory: a domain whose heap is larger than the machine.
#ifndef EATER_H
#define EATER_H

#include <stdint.h>
#include "gate.h"

// Writes to every page of a new block of its heap. Returns 0, or -ENOMEM when the heap has no such block.
GATE(eater) int eater_eat(uint64_t bytes);

#endif
