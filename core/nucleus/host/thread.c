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

int nucleus_thread_continue(void) {
    struct context *context = &threads[thread_current].interrupted;
    *slot(DOMAIN_MONITOR, SLOT_SP) = context->monitor_anchor;
    rights_resume(context);
    nucleus_exit(context);
}
