// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// healing_norecover.c - without recovery: a domain starts once, nobody watches, and deadlines of calls mean nothing.
#include "healing.h"
#include "nucleus.h"
#include "recovery.h"
#include "thread.h"

static uint32_t started; // the first so many of component_table

const char recovery_thread_name[] = "boot";

void recovery_tick(void) {}
void recovery_blocks(uint32_t thread) { (void)thread; }
uint64_t recovery_deadline_ns(void) { return DEADLINE_NEVER; }
void recovery_due(uint64_t now_ns) { (void)now_ns; }
bool recovery_scheduler_is_up(void) { return true; }
bool recovery_answer_is_right(int answer, uint64_t runnable) {
    return answer >= 0 && answer < THREAD_MAX && (runnable >> answer & 1);
}
bool recovery_thread_again(uint32_t domain, uint32_t generation, int status) {
    return (void)domain, (void)generation, (void)status, false;
}
int call_deadline(uint64_t deadline_ns) { return (void)deadline_ns, 0; }

void recovery_go_on(void) {
    int error = nucleus_thread_continue();
    (void)error;
    __builtin_trap();
}

void recovery_boot(void) {
    for (; started < component_count; started++) {
        const struct component *component = &component_table[started];
        int error = component->init(BOOT_GENERATION, 0);
        if (error < 0) boot_refused(component->name, error);
    }
}

void recovery_serve(void) { thread_end(); }

uint32_t domain_generation(uint32_t domain) { return domain == DOMAIN_NUCLEUS ? 0 : BOOT_GENERATION; }
uint32_t domain_restarts(uint32_t domain) { return (void)domain, 0; }
uint32_t domain_state(uint32_t domain) {
    for (uint32_t i = started; i < component_count; i++)
        if (component_table[i].domain == domain) return SYSTEM_DOMAIN_STARTING;
    return SYSTEM_DOMAIN_RUNNING;
}
