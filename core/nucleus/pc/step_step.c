// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// step_step.c - CONFIG_TEST_STEP: every instruction that runs with the trap flag becomes a preemption point.
#include "step.h"

#define FLAG_TRAP 0x100u

bool step_trap(const struct context *context) {
    static bool stepping; // the popf that clears the flag still traps once, with the flag already clear
    bool asked = stepping || (context->rflags & FLAG_TRAP) != 0;
    stepping = (context->rflags & FLAG_TRAP) != 0;
    return asked;
}

uint64_t step_flags(const struct context *context) { return context->rflags & FLAG_TRAP; }
