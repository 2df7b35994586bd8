// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// step_nostep.c - production: a trap flag is a domain's mistake or mischief, and is reported as a fault.
#include "step.h"
bool step_trap(const struct context *context) { (void)context; return false; }
uint64_t step_flags(const struct context *context) { (void)context; return 0; }
