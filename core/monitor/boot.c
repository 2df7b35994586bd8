// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// boot.c - inits in dependency order, then the threads. Runs on thread 0, which ends here.
#include "monitor.h"
#include "nucleus.h"

void monitor_boot(void) {
    public_writable()->threads[0].state = THREAD_RUNNABLE;
    for (uint32_t i = 0; i < component_count; i++) {
        int error = component_table[i].init(1, 0);
        if (error < 0) {
            say("PANIC monitor: %s_init returned %d; the system cannot start without it\n", component_table[i].name, error);
            monitor_stop(71);
        }
    }
    monitor_probe();
    say("cloister: ready\n");
    threads_start();
    thread_end();
}
