// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// thread.c - threads as the nucleus sees them: one stack anchor per domain, swapped at a switch.
//
// The monitor calls nucleus_thread_switch through a gate; its frame lies on the monitor's stack of that thread, and the
// return half of the gate takes whatever anchor the slots hold. So switching is: exchange all anchors, return.
// A new thread gets a hand-made frame of that gate, whose return address is monitor_thread_start.
#include "anchors.h"
#include "host.h"
#include "switch.h"

struct thread threads[THREAD_MAX];
uint32_t thread_current;

static void run(uint32_t thread) {
    anchors_load(thread);
    public_writable()->cpu.thread = thread;
    thread_current = thread;
}

void thread_prepare_first(void) {
    anchors_prepare(0);
    anchors_load(0); // through the alias; cpu.thread is 0 already
}

int nucleus_thread_create(uint32_t thread) {
    if (thread >= THREAD_MAX) return -EINVAL;
    anchors_prepare(thread);
    switch_prepare(thread, stack_base(DOMAIN_MONITOR, thread));
    return 0;
}

int nucleus_thread_switch(uint32_t thread) {
    if (thread >= THREAD_MAX || thread == thread_current) return -EINVAL;
    nucleus_target = NULL;
    uint32_t previous = thread_current;
    anchors_save(previous);
    run(thread);
    switch_stacks(previous, thread);
    return 0;
}

int nucleus_thread_view(uint32_t thread, struct fault *out) {
    if (thread >= THREAD_MAX || !memory_is_mapped((uint64_t)out, sizeof *out)) return -EINVAL;
    const struct context *at = &threads[thread].interrupted;
    struct fault *view = alias((uint64_t)out);
    *view = (struct fault){.domain = at->domain, .thread = thread, .pkru = at->pkru, .rip = at->rip, .rsp = at->rsp,
                           .rbp = at->rbp, .tsc = __builtin_ia32_rdtsc()};
    for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) view->anchor[d] = anchors_get(thread, d);
    return 0;
}

int nucleus_thread_unwind(uint32_t domain, uint64_t rip, uint64_t rsp, int64_t result, uint64_t monitor_anchor) {
    static struct context context; // one CPU; what a tick interrupted below is still wanted
    if (domain < DOMAIN_MONITOR || domain >= domain_count) return -EINVAL;
    *slot(DOMAIN_MONITOR, SLOT_SP) = monitor_anchor;
    context = (struct context){.r8 = (uint64_t)result, .rip = rip, .cs = 0x33, .ss = 0x2b, .rflags = 0x202, .rsp = rsp,
                               .domain = domain, .pkru = domain_table[domain].pkru, .monitor_anchor = monitor_anchor};
    rights_resume(&context);
    nucleus_exit(&context);
}

int nucleus_thread_continue(void) {
    struct context *context = &threads[thread_current].interrupted;
    *slot(DOMAIN_MONITOR, SLOT_SP) = context->monitor_anchor;
    rights_resume(context);
    nucleus_exit(context);
}
