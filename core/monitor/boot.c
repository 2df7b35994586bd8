// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// boot.c - inits in dependency order, then the threads. Runs on thread 0, which ends here.
#include "monitor.h"
#include "nucleus.h"

uint32_t boot_components_started;

void monitor_boot(void) {
    public_writable()->threads[0].state = THREAD_RUNNABLE;
    for (uint32_t i = 0; i < component_count; i++) {
        int error = component_table[i].init(BOOT_GENERATION, 0);
        if (error < 0) {
            say("PANIC monitor: %s_init returned %d; the system cannot start without it\n", component_table[i].name, error);
            monitor_stop(71);
        }
        boot_components_started = i + 1;
    }
    monitor_probe();
    say("cloister: ready\n");
    threads_start();
    thread_end();
}
