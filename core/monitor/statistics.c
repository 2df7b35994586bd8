// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// statistics.c - counters as machine lines on the console: STAT name ..., closed by STAT end.
//
//   crossings caller function    calls through that gate
//   bounced caller function      bytes that its stubs copied
//   copied domain                payload that its code copied
//
// The first three lie in the domains' own memory: whoever lies there, lies about itself.
#include "clock.h"
#include "heap_monitor.h"
#include "nucleus.h"
#include "slots_asm.h"
#include "string.h"
#include "tally.h"

// The exchange heap by domain (misuses and refusals are counts, objects too, the rest bytes), and by owner, size and
// place of allocation. Whoever holds more of one place in each report leaks there.
static void report_heap(void) {
    static struct system_object rows[SYSTEM_BATCH_MAX];
    static struct tally tally;
    memset(&tally, 0, sizeof tally);
    for (uint32_t chunk = 0; chunk < XHEAP_CHUNKS && chunk_class[chunk]; chunk++) {
        int count = 0;
        uint32_t first = chunk * XHEAP_CHUNK_GRANULES;
        do {
            count = heap_objects(first, rows, SYSTEM_BATCH_MAX);
            tally_add(&tally, rows, count);
            if (count > 0) first = rows[count - 1].granule + 1;
        } while (count == SYSTEM_BATCH_MAX && first % XHEAP_CHUNK_GRANULES);
    }
    for (uint32_t d = 0; d < domain_count; d++) {
        const struct heap_account *account = &heap_account[d];
        const struct tally_domain *sum = &tally.domain[d];
        if (sum->objects) say("STAT objects.%s %u\n", domain_table[d].name, sum->objects);
        if (sum->objects || account->most_objects || misuse_counts[d].all)
            say("STAT heap %s objects=%u owned=%llu cached=%llu lent=%llu given=%llu charged=%llu most=%llu quota=%llu refusals=%u misuses=%u "
                "unreported=%u\n", domain_table[d].name, sum->objects, (unsigned long long)sum->owned,
                (unsigned long long)sum->cached, (unsigned long long)sum->lent, (unsigned long long)sum->given, (unsigned long long)account->bytes,
                (unsigned long long)account->most_bytes, (unsigned long long)domain_table[d].shared_bytes_max,
                    account->refusals,
                misuse_counts[d].all, misuse_counts[d].dropped);
    }
    tally_sort(&tally);
    for (uint32_t i = 0; i < tally.sites; i++) {
        const struct tally_site *site = &tally.site[i];
        say("STAT site %s %u %u %s\n", site->owner ? domain_table[site->owner].name : "orphans", site->bytes,
            site->objects,
            site->site[0] ? site->site : "-");
    }
    if (tally.unlisted) say("STAT unlisted %u\n", tally.unlisted);
}

// busy_tsc: ticks of the TSC less those in which the system slept or wrote such a report; only differences mean
// something. Under QEMU's -icount they are instructions.
void statistics_report(void) {
    static uint64_t reports_tsc;
    uint64_t start = __builtin_ia32_rdtsc(), busy = start - public_area.idle_tsc - reports_tsc;
    for (uint32_t e = 0; e < edge_count; e++) {
        const struct edge *edge = &edge_table[e];
        uint64_t counts[2];    // slots_asm.h: SLOT_CALLS
        if (nucleus_slots_read(edge->caller, SLOT_CALLS + 16u * edge->caller_token, counts, 2)) continue;
        const char *caller = domain_table[edge->caller].name;
        if (counts[0]) say("STAT crossings %s %s %llu\n", caller, edge->function, (unsigned long long)counts[0]);
        if (counts[1]) say("STAT bounced %s %s %llu\n", caller, edge->function, (unsigned long long)counts[1]);
    }
    for (uint32_t d = DOMAIN_FIRST; d < domain_count; d++) {
        uint64_t copied;
        if (!nucleus_slots_read(d, SLOT_COPIED, &copied, 1) && copied)
            say("STAT copied %s %llu\n", domain_table[d].name, (unsigned long long)copied);
    }
    say("STAT busy_tsc %llu\n", (unsigned long long)busy);
    say("STAT tsc_khz %llu\n", (unsigned long long)public_area.clock.tsc_khz);
    say("STAT switches %llu\n", (unsigned long long)public_area.switches);
    uint32_t threads = 0;
    for (uint32_t t = 0; t < THREAD_MAX; t++)
        threads += public_area.threads[t].state == THREAD_RUNNABLE || public_area.threads[t].state == THREAD_WAITING;
    say("STAT threads %u\n", threads);
    report_heap();
    say("STAT end\n");
    reports_tsc += __builtin_ia32_rdtsc() - start;
}
