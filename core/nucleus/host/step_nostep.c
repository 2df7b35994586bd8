// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// step_nostep.c - production: a trap flag is a domain's mistake or mischief; it is cleared and reported as a fault.
#include "step.h"
bool step_trap(struct context *context) { (void)context; return false; }
