// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// caller_mpk.c - who called the monitor: the edge id that the gate pushed below the monitor's anchor. Exact, since the
// gate's token proves the caller.
#include "monitor.h"
#include "nucleus.h"
#include "slots_asm.h"

extern uint64_t slot_monitor[];
extern char gate_die[];

const struct edge *monitor_entry(void) {
    const uint64_t *anchor = (const uint64_t *)slot_monitor[SLOT_SP / 8];
    uint64_t edge = anchor[-1];
    return edge < edge_count ? &edge_table[edge] : NULL;
}

uint32_t monitor_caller(void) {
    const struct edge *edge = monitor_entry();
    return edge ? edge->caller : DOMAIN_MONITOR;
}

uint64_t monitor_call_site(void) {
    uint64_t frame = 0;
    return nucleus_slots_read(monitor_caller(), SLOT_SP, &frame, 1) ? 0 : frames_site(frame);
}

bool monitor_is_gate_die(uint64_t rip) { return rip == (uint64_t)gate_die; }
