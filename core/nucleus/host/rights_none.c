// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// rights_none.c - backend none: no keys; a byte says whether the monitor is at work; code is known by where it lies.
#include "anchors.h"
#include "host.h"

static uint8_t handler_stack[4096] __attribute__((aligned(16)));

void rights_check_machine(void) {}

void rights_allocate(void) { *slot(DOMAIN_NUCLEUS, SLOT_SP) = (uint64_t)handler_stack + sizeof handler_stack - 56; }

void rights_protect(uint64_t address, size_t bytes, uint32_t pkey, bool writable) {
    (void)address, (void)bytes, (void)pkey, (void)writable;
}

void rights_tokens(void) {}

static bool is_within(uint64_t rip, const struct domain *domain) {
    return rip - domain->text_start < domain->text_bytes;
}

uint32_t rights_domain(uint32_t pkru, uint64_t rip) {
    (void)pkru;
    if (is_within(rip, &domain_table[DOMAIN_NUCLEUS])) return DOMAIN_NUCLEUS;
    return public_area.cpu.monitor_busy ? DOMAIN_MONITOR : DOMAIN_FIRST;
}

bool rights_in_monitor(uint32_t domain) { return domain == DOMAIN_MONITOR; }

// exit_none.S stores the selector field to monitor_busy.
void rights_resume(struct context *context) {
    context->selector = context->domain != DOMAIN_FIRST;
    context->stub = 0;
}

void rights_upcall(struct context *context, uint64_t kind, uint64_t argument, const struct context *interrupted) {
    // Boot: the stack that the inits run on. Else the monitor's of this thread, which nothing else uses here, so that neither a
    // ruined nor a nearly full stack of the interrupted code matters.
    uint32_t stack = interrupted ? DOMAIN_MONITOR : DOMAIN_FIRST;
    *context = (struct context){
        .rdi = kind, .rsi = argument, .rip = (uint64_t)monitor_upcall, .cs = 0x33, .ss = 0x2b, .rflags = 0x202,
        .rsp = stack_base(stack, thread_current), .domain = DOMAIN_MONITOR,
    };
}
