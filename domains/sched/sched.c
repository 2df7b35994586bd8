// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// sched.c - see sched.h.
//
// Runs with every thread's fate in its hands and no right to write anything but its stack. The table may change only
// between two calls (the monitor asks with ticks held off), but nothing here breaks if it changes during one.
#include "public.h"
#include "sched.h"

int sched_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    return 0;
}

int sched_pick(int current) {
    int best = -EAGAIN;
    uint8_t best_priority = 0;
    uint64_t best_last_run = 0;
    for (int thread = 0; thread < THREAD_MAX; thread++) {
        const volatile struct public_thread *entry = &public_area.threads[thread];
        if (entry->state != THREAD_RUNNABLE)
            continue;
        uint8_t priority = entry->priority;
        uint64_t last_run = entry->last_run;
        if (best < 0 || priority > best_priority ||
            (priority == best_priority &&
             (last_run < best_last_run || (last_run == best_last_run && thread == current)))) {
            best = thread;
            best_priority = priority;
            best_last_run = last_run;
        }
    }
    return best;
}
