// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// traps.c - what happened, and who is told: a downcall of the monitor, a page to be made, an interrupt, a fault that
// the monitor hears of.
//
// Trusts nothing in the context but its cs, which the CPU wrote. A system call counts only from the one site and with
// the monitor's rights live, which only the monitor's own gates can load; any other is a fault of whoever made it
// (A30). A fault of the monitor itself ends the system: it is trusted, so there is nobody above it to repair it.
// Interrupts find ring 0 only in its idle loop; but for NMI, which leaves a word for later and nothing else.
#include "autoconf.h"
#include "pc.h"
#include "step.h"

#define ERROR_PRESENT 1
#define ERROR_WRITE 2
#define ERROR_FETCH 16
#define ERROR_KEY 32
#define TICK_NS (1000000000ull / CONFIG_TICK_HZ)
#define SCHED_TICKS_MAX 24        // that find the scheduler at work on one answer: 16 whole ones, 8 that come sooner
#ifdef CONFIG_RECOVERY
#define is_recovering true
#else
#define is_recovering false
#endif
#define TICK_SOON_NS 20000        // asks again when the monitor was at work; each time in a row after twice as long

enum vector {
    VECTOR_DE, VECTOR_DB, VECTOR_NMI, VECTOR_BP, VECTOR_OF, VECTOR_UD = 6, VECTOR_NM, VECTOR_PF = 14, VECTOR_AC = 17
};

typedef int64_t nucleus_call(uint64_t, uint64_t, uint64_t, uint64_t);
extern nucleus_call *const nucleus_calls[], *const nucleus_calls_end[]; // filled by core/gates/nucleus_pc.S
extern char nucleus_syscall_return[];
extern struct fault monitor_fault_record;

const struct context *trap_context;

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

static void downcall(struct context *context) {
    uint64_t number = context->rax;
    struct context *called = thread_called(); // of the caller, also when the call switches threads
    *called = *context;
    called->rdi = called->rsi = called->rdx = called->rcx = called->r8 = called->r9 = called->r10 = called->r11 = 0;
    called->rflags = FLAGS_DOMAIN | step_flags(context);
    called->rax = (uint64_t)-(int64_t)EINVAL;
    if (number < (uint64_t)(nucleus_calls_end - nucleus_calls))
        called->rax = (uint64_t)nucleus_calls[number](context->rdi, context->rsi, context->rdx, context->r10);
}

static void fault_record(const struct context *context, uint32_t kind) {
    struct fault *fault = alias_checked((uintptr_t)&monitor_fault_record, sizeof(*fault));
    *fault = (struct fault){
        .kind = kind, .domain = rights_domain(context), .thread = thread_running,
        .pkey_fault = context->vector == VECTOR_PF && (context->error & ERROR_KEY) != 0,
        .pkru = (uint32_t)context->pkru,
        .address = context->vector == VECTOR_PF ? fault_address_read() : 0,
        .rip = context->rip, .rsp = context->rsp, .rbp = context->rbp, .tsc = tsc_read(),
    };
    for (uint32_t id = DOMAIN_MONITOR; id < domain_count; id++) fault->anchor[id] = *slot(id, SLOT_SP);
}

// monitor_busy: on mpk the scheduler, which the monitor waits for.
static bool has_to_wait(const struct context *context) {
    return rights_is_monitor(context) || public_writable()->cpu.monitor_busy;
}

static _Noreturn void step(const struct context *context) {
    if (has_to_wait(context)) context_enter(context);
    *thread_interrupted() = *context;
    thread_upcall(UPCALL_TICK, 1);
}

// What was interrupted below, while the monitor asks the scheduler, is still wanted.
static _Noreturn void fault(const struct context *context, uint32_t kind) {
    if (!public_writable()->cpu.monitor_busy) *thread_interrupted() = *context;
    fault_record(context, kind);
    thread_upcall(UPCALL_FAULT, (uintptr_t)&monitor_fault_record);
}

// Ticks in a row that found the scheduler at work on an answer; and not how long, since whoever emulates this machine
// can be away for a while in the middle of one.
static bool is_past_budget(const struct context *context) {
    static uint32_t found;
    found = !rights_is_monitor(context) && public_writable()->cpu.monitor_busy ? found + 1 : 0;
    return is_recovering && found > SCHED_TICKS_MAX;
}

static _Noreturn void interrupt(const struct context *context) {
    static uint64_t soon_ns = TICK_SOON_NS;
    bool is_tick = context->vector == VECTOR_TICK;
    if (context->vector == VECTOR_SPURIOUS) context_enter(context);
    if (!is_tick) line_taken((uint32_t)context->vector - VECTOR_LINE);
    apic_acknowledge();
    if ((context->cs & 3) == 0) {
        if (!nucleus_is_idle) nucleus_panic("interrupt in the nucleus at", context->rip);
        context_enter(context);
    }
    if (is_tick && is_past_budget(context)) {
        timer_arm(TICK_NS);
        fault(context, FAULT_LOOP);
    }
    // A tick that finds the monitor at work asks again soon, so that gates need no exit hook; those sections are
    // bounded. Where ring 0 is emulated, an interrupt can take longer than the shortest wait: without the doubling
    // nothing else would ever run.
    if (has_to_wait(context)) {
        timer_arm(soon_ns);
        if (soon_ns < TICK_NS) soon_ns *= 2;
        context_enter(context);
    }
    soon_ns = TICK_SOON_NS;
    if (is_tick) timer_arm(TICK_NS);
    *thread_interrupted() = *context;
    uint64_t requests = requests_take();
    if (requests & NUCLEUS_WAIT_STOP) thread_upcall(UPCALL_STOP, 0);
    thread_upcall(requests & NUCLEUS_WAIT_REPORT ? UPCALL_REPORT : UPCALL_TICK, 0);
}

void tick_start(void) { timer_arm(TICK_NS); }

_Noreturn void trap(struct context *context) {
    idle_end();
    if (context->vector == VECTOR_NMI) {
        request(NUCLEUS_WAIT_REPORT);
        context_enter(context);
    }
    if (context->vector >= VECTOR_TICK && context->vector < VECTOR_COUNT) interrupt(context);
    trap_context = context;
    uint64_t what = context->vector << 32 | context->error;
    if ((context->cs & 3) == 0) nucleus_panic("trap in the nucleus; vector and error:", what);
    if (context->vector == VECTOR_PF && (context->error & ERROR_PRESENT) == 0 && memory_touch(fault_address_read(), 1))
        context_enter(context);
    if (context->vector == VECTOR_DB && step_trap(context)) step(context);
    if (context->vector == VECTOR_PF && rights_is_stuck_call(context)) {
        context->vector = VECTOR_SYSCALL;
        context->rip = context->rcx;
    }
    bool is_call = context->vector == VECTOR_SYSCALL && context->rip == (uintptr_t)nucleus_syscall_return;
    if (is_call && rights_is_monitor(context)) {
        downcall(context);
        thread_resume();
    }
    const struct domain *monitor = &domain_table[DOMAIN_MONITOR];
    if (rights_is_monitor(context) && context->rip - monitor->text_start < monitor->text_bytes)
        nucleus_panic("fault in the monitor; vector and error:", what);
    fault(context, fault_kind(context));
}
