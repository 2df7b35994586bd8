// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// traps.c - what happened, and who is told: a downcall of the monitor, or a fault that the monitor hears of.
//
// Trusts nothing in the context but its cs, which the CPU wrote. A system call counts only from the one site and with
// the monitor's rights live, which only the monitor's own gates can load; any other is a fault of whoever made it (A30).
// A fault of the monitor itself ends the system: it is trusted, so there is nobody above it to repair it.
#include "pc.h"

#define ERROR_WRITE 2
#define ERROR_FETCH 16
#define ERROR_KEY 32

enum vector { VECTOR_DE, VECTOR_DB, VECTOR_BP = 3, VECTOR_OF, VECTOR_UD = 6, VECTOR_NM, VECTOR_PF = 14, VECTOR_AC = 17 };

typedef int64_t nucleus_call(uint64_t, uint64_t, uint64_t, uint64_t);
extern nucleus_call *const nucleus_calls[], *const nucleus_calls_end[]; // filled by core/gates/nucleus_pc.S
extern char nucleus_syscall_return[];
extern struct fault monitor_fault_record;

_Noreturn void trap(struct context *context);

static uint64_t fault_address_read(void) {
    uint64_t address;
    __asm__ volatile("mov %%cr2, %0" : "=r"(address));
    return address;
}

static uint32_t fault_kind(const struct context *context) {
    switch (context->vector) {
    case VECTOR_PF:
        return context->error & ERROR_FETCH ? FAULT_EXECUTE : context->error & ERROR_WRITE ? FAULT_WRITE : FAULT_READ;
    case VECTOR_UD:
    case VECTOR_NM: return FAULT_ILLEGAL;
    case VECTOR_DE: return FAULT_DIVIDE;
    case VECTOR_AC: return FAULT_ALIGNMENT;
    case VECTOR_DB:
    case VECTOR_BP:
    case VECTOR_OF: return FAULT_TRAP;
    case VECTOR_SYSCALL: return FAULT_SYSCALL;
    default: return FAULT_PROTECTION; // #GP, #SS, #NP, #TS
    }
}

// The domain whose rights were live; domain_count when they are nobody's: an attacker on its way to gate_die.
static uint32_t domain_of(uint64_t pkru) {
    for (uint32_t id = DOMAIN_MONITOR; id < domain_count; id++)
        if (domain_table[id].pkru == pkru) return id;
    return domain_count;
}

static void downcall(struct context *context) {
    uint64_t number = context->rax;
    struct context *called = thread_called(); // of the caller, also when the call switches threads
    *called = *context;
    called->rdi = called->rsi = called->rdx = called->rcx = called->r8 = called->r9 = called->r10 = called->r11 = 0;
    called->rflags = FLAGS_DOMAIN;
    called->rax = (uint64_t)-(int64_t)EINVAL;
    if (number < (uint64_t)(nucleus_calls_end - nucleus_calls))
        called->rax = (uint64_t)nucleus_calls[number](context->rdi, context->rsi, context->rdx, context->r10);
}

static void fault_record(const struct context *context, struct fault *fault) {
    *fault = (struct fault){
        .kind = fault_kind(context), .domain = domain_of(context->pkru), .thread = thread_running,
        .pkey_fault = context->vector == VECTOR_PF && (context->error & ERROR_KEY) != 0, .pkru = (uint32_t)context->pkru,
        .address = context->vector == VECTOR_PF ? fault_address_read() : 0,
        .rip = context->rip, .rsp = context->rsp, .rbp = context->rbp,
    };
    for (uint32_t id = DOMAIN_MONITOR; id < domain_count; id++) fault->anchor[id] = *slot(id, SLOT_SP);
}

static _Noreturn void interrupt(const struct context *context) {
    bool is_monitor_busy = context->pkru == domain_table[DOMAIN_MONITOR].pkru || public_writable()->cpu.monitor_busy;
    if (context->vector != VECTOR_TICK || !tick_taken(is_monitor_busy)) context_enter(context);
    *thread_interrupted() = *context;
    thread_upcall(UPCALL_TICK, 0);
}

_Noreturn void trap(struct context *context) {
    const struct domain *monitor = &domain_table[DOMAIN_MONITOR];
    bool is_monitor = context->pkru == monitor->pkru && context->rip - monitor->text_start < monitor->text_bytes;
    if (context->vector >= VECTOR_TICK && context->vector < VECTOR_COUNT) interrupt(context);
    if ((context->cs & 3) == 0) nucleus_panic("trap in the nucleus at", context->rip);
    if (is_monitor) nucleus_panic("fault in the monitor at", context->rip);
    if (context->vector == VECTOR_SYSCALL && context->rip == (uintptr_t)nucleus_syscall_return &&
        context->pkru == monitor->pkru) {
        downcall(context);
        thread_resume();
    }
    *thread_interrupted() = *context;
    fault_record(context, alias_of((uintptr_t)&monitor_fault_record));
    thread_upcall(UPCALL_FAULT, (uintptr_t)&monitor_fault_record);
}
