// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fault_recover.c - a fault on the running thread: who is to be ended for it, and where the thread goes on.
//
// Blame (docs/recovery.md): who had the rights at the fault, but at a gate's failed check and between a WRPKRU and its
// checks, where these may be the victim's. There the thread's calls are ended down to the domain that it began in; the
// third time, that one as well.
// Invariant: a thread leaves here for the caller of an ended call, or not at all.
#include "ending.h"
#include "healing.h"
#include "heap_monitor.h"
#include "nucleus.h"
#include "slots_asm.h"

#define NAMELESS_MAX 3

extern uint64_t slot_monitor[];

static uint32_t current(void) { return public_area.cpu.thread; }

__attribute__((noreturn)) static void unwind(void) {
    uint32_t thread = current();
    struct step step = chain_take(thread);
    if (!chain_has_dead(thread)) heap_orphans_drop(thread);
    threads_interrupted(thread, false);
    int error = nucleus_thread_unwind(step.caller, edge_table[step.edge].unwind, step.frame + 8, -EDOMAINDEAD,
                                      slot_monitor[SLOT_SP / 8]);
    say("PANIC monitor: unwinding to %s: %d\n", domain_table[step.caller].name, error);
    monitor_stop(70);
}

void recovery_go_on(void) {
    if (chain_is_ended(current())) unwind();
    threads_interrupted(current(), false);
    int error = nucleus_thread_continue();
    (void)error;
    __builtin_trap();
}

// Nobody can be blamed: the calls of this thread end.
static void calls_end(const struct fault *fault) {
    static uint32_t seen[DOMAIN_MAX];
    static struct chain chain;
    uint32_t thread = current();
    struct fault_record *record = faults_add(fault, 0);
    record->tsc[FAULT_DETECTED] = __builtin_ia32_rdtsc();
    record->outcome = FAULT_CALL_ENDED;
    chain_read(thread, 0, &chain);
    chain_strip_upcalls(&chain);
    uint32_t count = chain.count;
    uint64_t ended = chain.is_broken ? chain.domains : 0;
    for (uint32_t i = 1; i < count; i++) ended |= 1ull << chain.step[i].domain;
    uint32_t root = count ? chain.step[0].domain : 0, innermost = count ? chain.step[count - 1].domain : 0;
    bool is_third = root && ++seen[root] >= NAMELESS_MAX;
    if (is_third) seen[root] = 0;
    if (is_third || count == 1) ended |= 1ull << root;
    else if (!chain.is_broken) ended &= ~(1ull << root);
    for (uint32_t d = DOMAIN_FIRST; d < domain_count; d++) {
        struct fault also = {.kind = FAULT_COLLATERAL, .domain = d, .thread = thread, .tsc = fault->tsc};
        if (ended >> d & 1) domain_end(&also, innermost);
    }
}

// A light gate does not compare what it popped: a return to a dead domain meets the end of its stack.
static bool is_return_of_light(const struct fault *fault) {
    for (uint32_t e = 0; e < edge_count; e++) {
        const struct edge *edge = &edge_table[e];
        bool is_within = fault->rip >= edge->unwind && fault->rip < edge->end;
        if (edge->kind == EDGE_LIGHT && edge->caller == fault->domain && is_within) return true;
    }
    return false;
}

void fault_handle(void) {
    struct fault fault = monitor_fault_record; // while another thread runs, it will be another's
    bool nameless = fault_is_nameless(&fault);
    const struct edge *edge = NULL;
    public_writable()->cpu.monitor_busy = 0;
    if (nameless && chain_is_ended(current())) unwind();
    if ((nameless || is_return_of_light(&fault)) && chain_returned(current(), &edge)) {
        if (edge->kind == EDGE_GIVES) heap_given_back(current(), (uint32_t)(edge - edge_table), edge->caller);
        unwind();
    }
    if (nameless) calls_end(&fault);
    else domain_end(&fault, fault.domain);
    threads_reschedule();                      // the healer first: the caller's next call finds the callee back
    if (chain_is_ended(current())) unwind();
    struct fault_record *record = faults_add(&fault, 0);
    record->outcome = FAULT_STOPS;
    faults_say(record);
    monitor_stop(1);
}
