// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// rights_mpk.c - whose protection key is live, and how to hand rights back: backend mpk.
//
// Keys come from Linux in order 1..15, so that the PKRU values can be immediates in the gates. Going on as a domain means:
// write its registers and a fresh nonce into its own page, then its resume stub (core/gates/resume_host.S).
#include <asm/unistd.h>
#include <asm/mman.h>
#include <cpuid.h>
#include <linux/utsname.h>
#include "anchors.h"
#include "host.h"
#include "random.h"

#define NUCLEUS_STACK_BYTES 65536
#define PKEYS 15

extern char gate_die[];
static uint8_t nucleus_stack[NUCLEUS_STACK_BYTES] __attribute__((aligned(4096)));

static void check_kernel_release(void) {
    struct new_utsname name;
    SYSCALL(__NR_uname, &name);
    unsigned number[2] = {0, 0};
    const char *c = name.release;
    for (int i = 0; i < 2; i++, c++)
        for (; *c >= '0' && *c <= '9'; c++) number[i] = number[i] * 10 + (unsigned)(*c - '0');
    if (number[0] < 6 || (number[0] == 6 && number[1] < 12))
        die_with("this Linux kernel is older than 6.12, which cannot deliver signals to code without access to its own stack; "
                 "boot a newer kernel, use PLATFORM=pc, or a configuration with backend none");
}

void rights_check_machine(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(c & (1u << 3)) || !(c & (1u << 4)))
        die_with("this CPU has no memory protection keys (PKU), or the kernel has them switched off; "
                 "use PLATFORM=pc under QEMU, or a configuration with backend none");
    check_kernel_release();
    __cpuid_count(13, 9, a, b, c, d);
    xsave_pkru_offset = b;
}

void rights_allocate(void) {
    for (int64_t wanted = 1; wanted <= PKEYS; wanted++)
        if (SYSCALL(__NR_pkey_alloc, 0, 3) != wanted)
            die_with("the kernel did not hand out all 15 protection keys in order; run without programs that wrap this one");
    *slot(DOMAIN_NUCLEUS, SLOT_SP) = (uint64_t)nucleus_stack + NUCLEUS_STACK_BYTES - 56;
    *slot(DOMAIN_NUCLEUS, SLOT_LIM) = (uint64_t)nucleus_stack + 4096;
}

void rights_protect(uint64_t address, size_t bytes, uint32_t pkey, bool writable) {
    if (SYSCALL(__NR_pkey_mprotect, address, bytes, PROT_READ | (writable ? PROT_WRITE : 0), pkey) < 0)
        nucleus_panic("pkey_mprotect", address);
}

void rights_tokens(void) {
    tokens_draw();
    for (uint32_t e = 0; e < edge_count; e++) { // on host the nucleus is entered by full gates, with tokens like any other
        const struct edge *edge = &edge_table[e];
        if (edge->callee != DOMAIN_NUCLEUS) continue;
        uint64_t token = random_word();
        *slot(edge->caller, SLOT_TOKENS + 8u * edge->caller_token) = token;
        *slot(DOMAIN_NUCLEUS, SLOT_TOKENS + 8u * edge->callee_token) = token;
    }
}

uint32_t rights_domain(uint32_t pkru, uint64_t rip) {
    if (rip == (uint64_t)gate_die) return domain_count; // the rights there are the victim's, even the nucleus's
    return domain_of_rights(pkru, DOMAIN_NUCLEUS);
}

bool rights_in_monitor(uint32_t domain) { return domain == DOMAIN_MONITOR || public_area.cpu.monitor_busy; }

void rights_resume(struct context *context) {
    if (context->domain == DOMAIN_NUCLEUS) { // goes on inside the nucleus, with the selector as it was
        context->stub = 0;
        return;
    }
    const struct domain *domain = &domain_table[context->domain];
    uint64_t *page = slot(context->domain, SLOT_FRAME);
    page[0] = context->rdx;
    page[1] = context->rcx;
    page[2] = context->rax;
    page[3] = context->r11;
    page[4] = context->rip;
    page[5] = context->cs;
    page[6] = context->rflags;
    page[7] = context->rsp;
    page[8] = context->ss;
    context->nonce = random_word() | 1;
    *slot(context->domain, SLOT_NONCE) = context->nonce;
    uint32_t giver = context->domain == DOMAIN_MONITOR ? domain_read_by_monitor(context->pkru) : 0;
    context->stub = giver ? domain_table[giver].resume_reading : domain->resume;
    context->selector = 1;
}

void rights_upcall(struct context *context, uint64_t kind, uint64_t argument, const struct context *interrupted) {
    (void)interrupted;
    *context = (struct context){
        .rdi = kind, .rsi = argument, .rip = (uint64_t)monitor_upcall, .cs = 0x33, .ss = 0x2b, .rflags = 0x202,
        .rsp = *slot(DOMAIN_MONITOR, SLOT_SP), .domain = DOMAIN_MONITOR,
    };
}
