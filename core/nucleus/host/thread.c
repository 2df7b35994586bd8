// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// thread.c - threads as the nucleus sees them: one stack anchor per domain, swapped at a switch.
//
// The monitor calls nucleus_thread_switch through a gate; its frame lies on the monitor's stack of that thread, and the
// return half of the gate takes whatever anchor the slots hold. So switching is: exchange all anchors, return.
// A new thread gets a hand-made frame of that gate, whose return address is monitor_thread_start.
#include "host.h"
#include "switch.h"

struct thread threads[THREAD_MAX];
uint32_t thread_current;

#define STACK_RESERVE_BYTES 8192 // what a callee may use below the limit before it meets its guard page

// Top anchor of thread's stack in domain: 8 mod 16, as if a call had just pushed a return address.
static uint64_t stack_base(uint32_t domain, uint32_t thread) {
    uint64_t top = STACKS_BASE + domain * (uint64_t)STACK_AREA_BYTES + (thread + 1) * (uint64_t)STACK_STRIDE;
    return top - 56;
}

static void prepare_anchors(uint32_t thread) {
    for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) {
        uint64_t base = stack_base(d, thread);
        uint64_t sentinel = random_word();             // never a token: a forged return to an idle domain dies
        *(uint64_t *)alias(base) = sentinel;
        threads[thread].anchor[d] = base;
        threads[thread].limit[d] = base + 56 - domain_table[d].stack_bytes + STACK_RESERVE_BYTES;
    }
}

static void load_anchors(uint32_t thread) {
    for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) {
        *slot(d, SLOT_SP) = threads[thread].anchor[d];
        *slot(d, SLOT_LIM) = threads[thread].limit[d];
    }
    *slot(DOMAIN_MONITOR, SLOT_GIVEN) = (uint64_t)&public_area.given[thread];
    public_writable()->cpu.thread = thread;
    thread_current = thread;
}

void thread_prepare_first(void) {
    for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) *slot(d, SLOT_ERR) = (uint64_t)-ENOSTACK;
    prepare_anchors(0);
    for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) {
        *slot(d, SLOT_SP) = threads[0].anchor[d];
        *slot(d, SLOT_LIM) = threads[0].limit[d];
    }
    *slot(DOMAIN_MONITOR, SLOT_GIVEN) = (uint64_t)&public_area.given[0];
}

int nucleus_thread_create(uint32_t thread) {
    if (thread >= THREAD_MAX) return -EINVAL;
    prepare_anchors(thread);
    switch_prepare(thread, stack_base(DOMAIN_MONITOR, thread));
    return 0;
}

int nucleus_thread_switch(uint32_t thread) {
    if (thread >= THREAD_MAX || thread == thread_current) return -EINVAL;
    nucleus_target = NULL;
    for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) threads[thread_current].anchor[d] = *slot(d, SLOT_SP);
    uint32_t previous = thread_current;
    load_anchors(thread);
    switch_stacks(previous, thread);
    return 0;
}

int nucleus_thread_continue(void) {
    struct context *context = &threads[thread_current].interrupted;
    *slot(DOMAIN_MONITOR, SLOT_SP) = context->monitor_anchor;
    rights_resume(context);
    nucleus_exit();
}
