// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// rights_none.c - backend none: no keys. A byte, which core/gates/none.S keeps, says whether the monitor is at work.
//
// All components and the monitor still run at CPL 3, ring 0 stays out of their reach, and the monitor still asks by a
// system call: what differs between the backends is the gates alone. The monitor's code runs on its caller's stack; its
// own stack of a thread serves upcalls.
#include "pc.h"

uint64_t rights_cr4(void) { return 0; }

uint32_t rights_domain(const struct context *context) {
    return rights_is_monitor(context) ? DOMAIN_MONITOR : DOMAIN_FIRST;
}

bool rights_is_monitor(const struct context *context) {
    (void)context;
    return public_writable()->cpu.monitor_busy != 0;
}

void rights_enter_monitor(bool is_entered) { public_writable()->cpu.monitor_busy = is_entered; }

uint32_t rights_first_stack(void) { return DOMAIN_FIRST; }

extern char syscall_entry[], nucleus_syscall_return[];

// Some hypervisors that emulate ring 0 in software carry out SYSCALL (rip, rcx, r11, flags) but stay at CPL 3, so that
// fetching its first instruction is a page fault. What they left is enough to go on as if they had not. To be removed
// when no KVM that we test on does this. On mpk it must not be: there rcx has to be the CPU's word.
bool rights_is_stuck_call(const struct context *context) {
    return context->rip == (uintptr_t)syscall_entry && context->rcx == (uintptr_t)nucleus_syscall_return;
}
