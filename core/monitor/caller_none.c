// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// caller_none.c - backend none: there is one domain.
#include "monitor.h"
uint32_t monitor_caller(void) { return DOMAIN_FIRST; }
const struct edge *monitor_entry(void) { return NULL; }
// One stack for all: its frames lead from here through the monitor's to the caller's.
uint64_t monitor_call_site(void) {
    return frames_site_above((uint64_t)__builtin_return_address(0), *(uint64_t *)__builtin_frame_address(0));
}
bool monitor_is_gate_die(uint64_t rip) { (void)rip; return false; }
