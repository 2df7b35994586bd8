// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// switch_none.c - backend none has one stack per thread, the one in domain "system"; so a switch exchanges RSP.
#include "anchors.h"
#include "host.h"
#include "switch.h"

void switch_registers_none(uint64_t *save, uint64_t load);

void switch_prepare(uint32_t thread, uint64_t base) {
    (void)base; // the monitor's own stack is for upcalls alone
    uint64_t *frame = (uint64_t *)(stack_base(DOMAIN_FIRST, thread) - 64); // six registers, return address
    for (int i = 0; i < 6; i++) frame[i] = 0;
    frame[6] = (uint64_t)monitor_thread_start;
    threads[thread].stack_pointer = (uint64_t)frame;
}

void switch_stacks(uint32_t previous, uint32_t next) {
    switch_registers_none(&threads[previous].stack_pointer, threads[next].stack_pointer);
}
