// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// faults.c - faults: what went wrong lately, and what became of it (core/include/recovery.h).
//
// The rows come through the shared heap, where every domain can write: texts are cleaned, numbers are only printed.
#include "recovery.h"
#include "out.h"
#include "shell_commands.h"

#define BATCH 4

static struct fault_row rows[BATCH];

#define CLEAN(text) out_text(text, sizeof(text))

static void fault_line(struct fault_row *row) {
    out_line("%lu. %s gen %u (%s): %s 0x%lx, key %u, %s's %s", row->number, CLEAN(row->domain), row->generation,
             CLEAN(row->component), CLEAN(row->kind), row->address, row->key, CLEAN(row->owner), CLEAN(row->object));
    out_line("   at %s, thread %u, entered by %s from %s:%s", CLEAN(row->at), row->thread, CLEAN(row->gate),
             CLEAN(row->caller), CLEAN(row->from));
    out_line("   %s", CLEAN(row->action));
}

void command_faults(void) {
    uint64_t next = 0;
    for (;;) {
        int count = faults_read(next, rows, BATCH);
        for (int i = 0; i < count && i < BATCH; i++) {
            if (rows[i].number < next) // a lie: it would go on for ever
                return;
            next = rows[i].number + 1;
            fault_line(&rows[i]);
        }
        if (count < BATCH)
            break;
    }
    if (!next)
        out_line("nothing has gone wrong so far");
}
