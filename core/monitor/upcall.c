// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// upcall.c - what the nucleus asks of the monitor, by kind. Never returns: a tick ends in recovery_go_on().
#include "boot.h"
#include "healing.h"
#include "monitor.h"
#include "nucleus.h"
#include "public.h"
#include "string.h"
#include "upcall_asm.h"

_Static_assert(UPCALL_THREAD == UPCALL_THREAD_ASM, "upcall_asm.h");

// exit=thread: for tests and benchmarks, whose end is the end of their main thread.
static bool exit_on_return(void) {
    char value[8];
    const char *found = boot_argument("exit", value, sizeof value);
    return found && !strcmp(found, "thread");
}

__attribute__((noreturn)) static void run_thread(uint32_t thread) {
    const struct thread_entry *entry = &thread_table[thread - 1];
    uint32_t domain = component_table[entry->component].domain, generation;
    int status;
    do {
        generation = domain_generation(domain);
        status = entry->entry();
    } while (recovery_thread_again(domain, generation, status));
    if (exit_on_return()) {
        say("cloister: thread %s returned %d\n", entry->name, status);
        monitor_stop((uint32_t)status & 255);
    }
    thread_end();
}

__attribute__((noreturn, used)) void monitor_upcall_body(uint64_t kind, uint64_t argument) {
    if (kind == UPCALL_TICK || kind == UPCALL_REPORT) threads_interrupted(public_area.cpu.thread, true);
    switch (kind) {
    case UPCALL_BOOT: monitor_boot();
    case UPCALL_THREAD: run_thread((uint32_t)argument);
    case UPCALL_TICK: threads_tick(argument != 0); recovery_go_on();
    case UPCALL_REPORT: statistics_report(); recovery_go_on();
    case UPCALL_FAULT: fault_handle();
    case UPCALL_STOP: monitor_stop(0);
    }
    __builtin_trap();
}
