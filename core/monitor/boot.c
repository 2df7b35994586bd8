// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// boot.c - inits in dependency order, then the threads. Runs on thread 0, which heals from then on (or ends here).
#include "healing.h"
#include "monitor.h"

void boot_refused(const char *component, int error) {
    say("PANIC monitor: %s_init returned %d; the system cannot start without it\n", component, error);
    monitor_stop(71);
}

void monitor_boot(void) {
    public_writable()->threads[HEALER].state = THREAD_RUNNABLE;
    public_writable()->threads[HEALER].priority = HEALER_PRIORITY;
    recovery_boot();
    monitor_probe();
    say("cloister: ready\n");
    threads_start();
    recovery_serve();
}
