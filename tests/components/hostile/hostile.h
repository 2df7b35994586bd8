// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// hostile.h - a network driver, or that of the source of entropy, that was taken over (attack A28);
// tests/groups/group_pc_net.py has the expectations.
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdint.h>
#include "gate.h"
#include "errors.h"

GATE(hostile) int hostile_init(uint32_t generation, int persist_valid);

// Makes the attempt that the boot argument try names. Returns 0 when nothing outside the window's buffers changed, else
// 1.
THREAD(hostile, 10) int hostile_main(void);

#endif
