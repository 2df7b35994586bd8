// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// boot.c - inits in dependency order, then the threads. Runs on thread 0, which heals from then on (or ends here).
#include "healing.h"
#include "monitor.h"

void monitor_boot(void) {
    public_writable()->threads[HEALER].state = THREAD_RUNNABLE;
    public_writable()->threads[HEALER].priority = HEALER_PRIORITY;
    recovery_boot();
    monitor_probe();
    say("cloister: ready\n");
    threads_start();
    recovery_serve();
}
