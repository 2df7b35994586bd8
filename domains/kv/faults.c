// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// faults.c - INFO faults: what went wrong in this system, and what became of it (core/include/recovery.h).
#include "commands.h"
#include "copy.h"
#include "format.h"
#include "recovery.h"
#include "string.h"
#include "xheap.h"

static const char *const outcomes[] = {"stopped", "waits", "restarted", "down", "call-ended"};

// The rows come through the shared heap, which everybody can write: text ends where its room does, and is one word of a
// line.
static void clean(char *text, size_t room) {
    text[room - 1] = 0;
    for (char *c = text; *c; c++)
        *c = *c < ' ' || *c > '~' || *c == ',' ? ' ' : *c;
}

static size_t print(const struct fault_row *shared, unsigned index, char *out, size_t room) {
    struct fault_row row;
    private_copy(&row, shared, sizeof(row));
    clean(row.domain, sizeof(row.domain));
    clean(row.component, sizeof(row.component));
    clean(row.kind, sizeof(row.kind));
    clean(row.at, sizeof(row.at));
    clean(row.gate, sizeof(row.gate));
    clean(row.caller, sizeof(row.caller));
    const char *outcome = row.outcome < sizeof(outcomes) / sizeof(*outcomes) ? outcomes[row.outcome] : "unknown";
    return format(out, room,
                  "fault%u:domain=%s,gen=%u,component=%s,kind=%s,at=%s,gate=%s,caller=%s,number=%lu,action=%s,"
                  "restart=%u,ready_us=%lu\r\n",
                  index, row.domain, row.generation, row.component, row.kind, row.at, row.gate, row.caller, row.number,
                  outcome, row.restart, row.ready_ns / 1000);
}

size_t faults_print(char *out, size_t room) {
    struct fault_row *rows = xheap_alloc(FAULTS_KEPT * sizeof(*rows));
    int count = rows ? faults_read(0, rows, FAULTS_KEPT) : -ENOMEM;
    count = count > FAULTS_KEPT ? 0 : count;
    uint64_t total = count > 0 ? *(volatile uint64_t *)&rows[count - 1].number : 0;
    size_t used = format(out, room, "faults_total:%lu\r\n", total);
    for (int i = 0; i < FAULTS_PRINTED && i < count; i++) // the latest first
        used += print(&rows[count - 1 - i], (unsigned)i, out + used, room - used);
    int freed = rows ? xheap_free(rows) : 0;
    (void)freed; // our own object, lent to nobody now
    return used;
}
