// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// step.h - single-stepping for tests (CONFIG_TEST_STEP picks step_step.c; otherwise step_nostep.c).
#ifndef HOST_STEP_H
#define HOST_STEP_H
#include "host.h"
// Is this trap one that a test asked for? Then it is handled as a tick that forces a thread switch, and the trap flag
// stays set in the saved registers.
bool step_trap(struct context *context);
#endif
