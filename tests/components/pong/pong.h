// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// pong.h - what ping calls. It says where its private memory lies, so that ping can try to reach it.
#ifndef PONG_H
#define PONG_H

#include <stdint.h>
#include "gate.h"

GATE(pong) int pong_init(uint32_t generation, int persist_valid);

// Returns a + b, and counts the call.
GATE(pong) int pong_add(int a, int b);

// The address of the counter of calls; reading and writing it is pong's alone.
GATE(pong) int64_t pong_private_address(void);

#endif
