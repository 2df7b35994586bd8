// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// switch_mpk.c - the first frame of a thread: that of a monitor suspended in the gate to nucleus_thread_switch.
#include "anchors.h"
#include "host.h"
#include "switch.h"

static uint64_t switch_token(void) {
    for (uint32_t e = 0; e < edge_count; e++) {
        const char *name = edge_table[e].function, *wanted = "nucleus_thread_switch";
        while (*name && *name == *wanted) name++, wanted++;
        if (!*name && !*wanted) return *slot(DOMAIN_MONITOR, SLOT_TOKENS + 8 * edge_table[e].caller_token);
    }
    nucleus_panic("the image has no edge to nucleus_thread_switch", 0);
}

void switch_prepare(uint32_t thread, uint64_t base) {
    uint64_t *frame = alias(base - 80);      // core/gates/frame_asm.h: cookie, anchor, six registers, return address
    frame[0] = switch_token();
    frame[1] = base;
    for (int i = 2; i < 8; i++) frame[i] = 0;
    frame[8] = (uint64_t)monitor_thread_start;
    anchors_set(thread, DOMAIN_MONITOR, base - 80);
}

void switch_stacks(uint32_t previous, uint32_t next) { (void)previous, (void)next; }
