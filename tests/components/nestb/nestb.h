// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// nestb.h - the domain that dies: entered by many threads, some of which went on to nesty.
#ifndef NESTB_H
#define NESTB_H

#include <stdint.h>
#include "gate.h"

#define NESTB_EVENT 61

GATE(nestb) int nestb_init(uint32_t generation, int persist_valid);

// The generation that init was told.
GATE(nestb) int nestb_generation(void);
// Its domain.
GATE(nestb) int nestb_domain(void);
// Executes an illegal instruction.
GATE(nestb) int nestb_crash(void);
// Waits for NESTB_EVENT.
GATE(nestb) int nestb_wait(void);
// nesty_wait(), nesty_wait_crash(), nesty_add(value): through this domain.
GATE(nestb) int nestb_through(void);
GATE(nestb) int nestb_through_crash(void);
GATE(nestb) int nestb_add(uint32_t value);
// Calls nesta_descend(depth - 1), down to 0, where it crashes when it is to, or returns.
GATE(nestb) int nestb_descend(uint32_t depth, uint32_t crashes);
// Takes objects of nesty_hand(count), and frees them. Returns how many came.
GATE(nestb) int nestb_fetch(uint32_t count);
// Takes object, and forgets it.
GATE(nestb) int nestb_keep(give void *object);
// Never return: asleep, calling nesty for ever, and in a loop.
GATE(nestb) int nestb_sleep(void);
GATE(nestb) int nestb_busy(void);
GATE(nestb) int nestb_spin(void);

#endif
