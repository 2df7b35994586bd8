// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// step.h - single-stepping for tests (CONFIG_TEST_STEP picks step_step.c; otherwise step_nostep.c).
#ifndef NUCLEUS_PC_STEP_H
#define NUCLEUS_PC_STEP_H
#include "pc.h"
// Is this trap one that a test asked for? Then it is handled as a tick that forces a thread switch, and the trap flag
// stays set in the saved registers.
bool step_trap(const struct context *context);
// The flags that a system call is to leave alone beside those that everybody has.
uint64_t step_flags(const struct context *context);
#endif
