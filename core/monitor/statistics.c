// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// statistics.c - counters as machine lines on the console: STAT name ..., closed by STAT end.
#include "clock.h"
#include "monitor.h"
#include "nucleus.h"
#include "slots_asm.h"
#include "xheap.h"

// Objects of the exchange heap by owner. A domain's cache of free ones counts as its own: up to 64 of each size.
static void report_objects(void) {
    static uint32_t objects[DOMAIN_MAX];
    for (uint32_t d = 0; d < DOMAIN_MAX; d++) objects[d] = 0;
    for (uint32_t chunk = 0; chunk < XHEAP_CHUNKS && chunk_class[chunk]; chunk++)
        for (uint32_t i = 0; i < XHEAP_CHUNK_GRANULES; i += 1u << (chunk_class[chunk] - 1)) {
            uint8_t owner = xheap_owner_of(arena + ((uint64_t)chunk * XHEAP_CHUNK_GRANULES + i) * XHEAP_GRANULE_BYTES, 1);
            if (owner && owner < domain_count) objects[owner]++;
        }
    for (uint32_t d = 0; d < domain_count; d++)
        if (objects[d]) say("STAT objects.%s %u\n", domain_table[d].name, objects[d]);
}

// busy_tsc: ticks of the TSC less those in which the system slept or wrote such a report; only differences mean
// something. Under QEMU's -icount they are instructions.
void statistics_report(void) {
    static uint64_t reports_tsc;
    uint64_t start = __builtin_ia32_rdtsc(), busy = start - public_area.idle_tsc - reports_tsc;
    for (uint32_t e = 0; e < edge_count; e++) {
        const struct edge *edge = &edge_table[e];
        uint64_t calls = 0;
        if (nucleus_slots_read(edge->caller, SLOT_CALLS + 8u * edge->caller_token, &calls, 1) || !calls) continue;
        say("STAT crossings %s %s %llu\n", domain_table[edge->caller].name, edge->function, (unsigned long long)calls);
    }
    say("STAT busy_tsc %llu\n", (unsigned long long)busy);
    say("STAT tsc_khz %llu\n", (unsigned long long)public_area.clock.tsc_khz);
    say("STAT switches %llu\n", (unsigned long long)public_area.switches);
    uint32_t threads = 0;
    for (uint32_t t = 0; t < THREAD_MAX; t++)
        threads += public_area.threads[t].state == THREAD_RUNNABLE || public_area.threads[t].state == THREAD_WAITING;
    say("STAT threads %u\n", threads);
    report_objects();
    say("STAT end\n");
    reports_tsc += __builtin_ia32_rdtsc() - start;
}
