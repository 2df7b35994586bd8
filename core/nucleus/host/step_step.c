// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// step_step.c - CONFIG_TEST_STEP: every instruction that runs with the trap flag becomes a preemption point.
#include "step.h"
bool step_trap(struct context *context) { return (context->rflags & 0x100) != 0; }
