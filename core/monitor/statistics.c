// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// statistics.c - counters as machine lines on the console: STAT name ..., closed by STAT end.
#include "clock.h"
#include "monitor.h"
#include "nucleus.h"
#include "slots_asm.h"

void statistics_report(void) {
    for (uint32_t e = 0; e < edge_count; e++) {
        const struct edge *edge = &edge_table[e];
        uint64_t calls = 0;
        if (nucleus_slots_read(edge->caller, SLOT_CALLS + 8u * edge->caller_token, &calls, 1) || !calls) continue;
        say("STAT crossings %s %s %llu\n", domain_table[edge->caller].name, edge->function, (unsigned long long)calls);
    }
    say("STAT idle_tsc %llu\n", (unsigned long long)monitor_idle_tsc);
    say("STAT tsc_khz %llu\n", (unsigned long long)public_area.clock.tsc_khz);
    say("STAT switches %llu\n", (unsigned long long)public_area.switches);
    say("STAT end\n");
}
