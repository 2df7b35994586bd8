// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// threads.c - who has the CPU, and where each thread stands.
//
// A thread gives the CPU away only inside a downcall, so one context (called) says where it goes on; a second one
// (interrupted) keeps what a fault or tick stopped while the upcall about it runs. Upcalls do not nest.
// It decides nothing: the monitor names the next thread.
#include "pc.h"

uint32_t thread_running;

static struct { struct context called, interrupted; } threads[THREAD_MAX];

extern char monitor_upcall[], monitor_thread_start[];

struct context *thread_called(void) { return &threads[thread_running].called; }
struct context *thread_interrupted(void) { return &threads[thread_running].interrupted; }

// In the monitor at rip, on its stack. core/monitor/upcall.S: an upcall finds the anchor in RSP, a new thread one word
// less.
static struct context monitor_context(uintptr_t rip, uint64_t rsp, uint64_t kind, uint64_t argument) {
    return (struct context){ .pkru = domain_table[DOMAIN_MONITOR].pkru, .rdi = kind, .rsi = argument, .rip = rip,
                             .cs = DOMAIN_CODE, .rflags = FLAGS_DOMAIN, .rsp = rsp, .ss = DOMAIN_DATA };
}

_Noreturn void thread_upcall(uint32_t kind, uint64_t argument) {
    bool is_first = kind == UPCALL_BOOT;
    uint64_t stack = is_first ? stack_base(rights_first_stack(), thread_running) : *slot(DOMAIN_MONITOR, SLOT_SP);
    struct context context = monitor_context((uintptr_t)monitor_upcall, stack, kind, argument);
    rights_enter_monitor(true);
    context_enter(&context);
}

_Noreturn void thread_resume(void) { context_enter(&threads[thread_running].called); }

// anchors.c writes at the top of each stack, through the alias.
static void stacks_prepare(uint32_t thread) {
    for (uint32_t id = DOMAIN_MONITOR; id < domain_count; id++)
        if (!memory_touch(stack_base(id, thread), 8)) nucleus_panic("a stack lies nowhere:", stack_base(id, thread));
    anchors_prepare(thread);
}

void threads_start(void) {
    stacks_prepare(0);
    anchors_load(0);
    public_writable()->cpu.thread = 0;
}

int nucleus_thread_create(uint32_t thread) {
    if (thread >= THREAD_MAX || thread == thread_running) return -EINVAL;
    stacks_prepare(thread);
    uint64_t stack = stack_base(rights_first_stack(), thread) - 8;
    threads[thread].called = monitor_context((uintptr_t)monitor_thread_start, stack, UPCALL_THREAD, thread);
    return 0;
}

int nucleus_thread_switch(uint32_t thread) {
    if (thread >= THREAD_MAX || threads[thread].called.rip == 0) return -EINVAL;
    anchors_save(thread_running);
    anchors_load(thread);
    public_writable()->cpu.thread = thread_running = thread; // the true point at which the other thread runs
    return 0;
}

int nucleus_thread_view(uint32_t thread, struct fault *out) {
    struct fault *view = alias_checked((uintptr_t)out, sizeof(*out));
    if (thread >= THREAD_MAX || view == NULL) return -EINVAL;
    const struct context *at = &threads[thread].interrupted;
    *view = (struct fault){ .domain = rights_domain(at), .thread = thread, .pkru = (uint32_t)at->pkru, .rip = at->rip,
                            .rsp = at->rsp, .rbp = at->rbp, .tsc = tsc_read() };
    for (uint32_t id = DOMAIN_MONITOR; id < domain_count; id++) view->anchor[id] = anchors_get(thread, id);
    return 0;
}

int nucleus_thread_unwind(uint32_t domain, uint64_t rip, uint64_t rsp, int64_t result, uint64_t monitor_anchor) {
    (void)monitor_anchor; // as it is: the gate on pc publishes none
    if (domain < DOMAIN_MONITOR || domain >= domain_count) return -EINVAL;
    struct context context = { .pkru = domain_table[domain].pkru, .r8 = (uint64_t)result, .rip = rip, .cs = DOMAIN_CODE,
                               .rflags = FLAGS_DOMAIN, .rsp = rsp, .ss = DOMAIN_DATA };
    rights_enter_monitor(false);
    context_enter(&context);
}

int nucleus_thread_continue(void) { // the gate on pc publishes no anchor
    rights_enter_monitor(false);
    context_enter(thread_interrupted());
}
