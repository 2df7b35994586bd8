// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// nesty.h - what lies behind the domain that dies: threads are in here when it does, and finish first.
#ifndef NESTY_H
#define NESTY_H

#include <stdint.h>
#include "gate.h"

#define NESTY_EVENT 62

// Waits for NESTY_EVENT; counted by the next two. Returns 5.
GATE(nesty) int nesty_wait(void);
// How many threads are in nesty_wait() and its like, and how many have left since the domain started.
GATE(nesty) int nesty_inside(void);
GATE(nesty) int nesty_left(void);
// The same, but it executes an illegal instruction then.
GATE(nesty) int nesty_wait_crash(void);
// The sum of all values so far.
GATE(nesty) int nesty_add(uint32_t value);
// Waits for NESTY_EVENT, then hands count objects to the caller.
GATE_GIVES(nesty) int nesty_hand(uint32_t count);

#endif
