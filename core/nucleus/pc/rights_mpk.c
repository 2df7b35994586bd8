// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// rights_mpk.c - backend mpk: PKRU says whose rights were live, and with that who was at work.
#include "pc.h"

#define CR4_PKE (1u << 22)
#define LEAF_EXTENDED 7

// What CR4 must hold beside cpu.c's own. Refuses a CPU without keys.
uint64_t rights_cr4(void) {
    if (!cpu_has(LEAF_EXTENDED, 2, 3))
        die_with("this CPU has no protection keys (PKU), which backend mpk needs; "
                 "run it with ACCEL=tcg, or on PLATFORM=host, or on a newer CPU");
    return CR4_PKE;
}

uint32_t rights_domain(const struct context *context) {
    return domain_of_rights((uint32_t)context->pkru, DOMAIN_MONITOR);
}

bool rights_is_monitor(const struct context *context) { return rights_domain(context) == DOMAIN_MONITOR; }

// The gates hold its rights; a byte would say nothing more.
void rights_enter_monitor(bool is_entered) { (void)is_entered; }

// Whose stack a thread starts on, and the boot.
uint32_t rights_first_stack(void) { return DOMAIN_MONITOR; }

bool rights_is_stuck_call(const struct context *context) {
    (void)context;
    return false; // see rights_none.c
}
