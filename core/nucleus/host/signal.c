// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// signal.c - Linux signals as traps: faults, ticks and requests from outside.
//
// Every handler ends the same way: it chooses nucleus_target and returns to nucleus_exit_stub with the nucleus's rights.
// A tick that finds the monitor or the nucleus at work re-arms itself; those sections are bounded.
// Invariant: interrupted domain code is saved whole (registers and PKRU) in nucleus memory before anything else runs.
// It does not touch the interrupted domain's stack: the kernel writes its frame to the alternate stack (key 0).
#include <asm/unistd.h>

#include <linux/signal.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include "host.h"
#include "step.h"

#define ALTERNATE_STACK_BYTES 65536
#define REARM_NS 20000
#define SCHED_BUDGET_NS 1000000    // for one answer of the scheduler: some 5000 times what it takes
#define FLAG_TRAP 0x100u
#define FLAG_ALIGNMENT 0x40000u
#define FLAGS_CLEAN 0x202u
#define XSTATE_HEADER_OFFSET 512
#define XSTATE_PKRU_BIT (1ull << 9)
#define CODE_KERNEL 0x80
#define IRETQ_BYTES 2

void nucleus_signal_entry(void); // core/gates (mpk), signal_none.S

uint64_t nucleus_signal_token;
uint32_t xsave_pkru_offset;
struct context *nucleus_target;
volatile bool nucleus_idle;
volatile uint32_t nucleus_requests;
static bool booted;
static int timer = -1;
// One CPU, and none of these nests: a tick in the monitor, in the nucleus or in the scheduler only waits.
static struct context monitor_context, nucleus_context, scheduler_context, upcall_context;
static uint8_t boot_selector;
volatile uint8_t *nucleus_selector = &boot_selector;
static uint8_t alternate_stack[ALTERNATE_STACK_BYTES] __attribute__((aligned(4096)));

static void timer_set(uint64_t first_ns) {
    struct __kernel_itimerspec when = {
        .it_value = {.tv_sec = 0, .tv_nsec = (int64_t)first_ns},
        .it_interval = {.tv_sec = 0, .tv_nsec = 1000000000 / config_tick_hz},
    };
    SYSCALL(__NR_timer_settime, timer, 0, &when, 0);
}
void timer_rearm(uint64_t after_ns) { timer_set(after_ns); }
void timer_start(void) { timer_set(1000000000 / config_tick_hz); }

static uint32_t *frame_pkru(struct ucontext *frame) {
    return (uint32_t *)((char *)frame->uc_mcontext.fpstate + xsave_pkru_offset);
}

static void save(struct context *to, struct ucontext *frame, uint32_t domain) {
    struct sigcontext *m = &frame->uc_mcontext;
    *to = (struct context){
        .rbx = m->rbx, .rbp = m->rbp, .rsi = m->rsi, .rdi = m->rdi, .r8 = m->r8, .r9 = m->r9, .r10 = m->r10,
        .r12 = m->r12, .r13 = m->r13, .r14 = m->r14, .r15 = m->r15, .r11 = m->r11, .rdx = m->rdx, .rcx = m->rcx,
        .rax = m->rax, .rip = m->rip, .cs = m->cs, .rflags = m->eflags, .rsp = m->rsp, .ss = m->ss,
        .selector = public_area.cpu.syscall_selector, .domain = domain,
        .pkru = xsave_pkru_offset ? *frame_pkru(frame) : 0,
        .monitor_anchor = *slot(DOMAIN_MONITOR, SLOT_SP),
    };
}

// Leave by the exit stub: the kernel restores the nucleus's rights, the stub the target's.
static void leave(struct ucontext *frame) {
    struct sigcontext *m = &frame->uc_mcontext;
    m->rip = (uint64_t)nucleus_exit_stub;
    m->rsp = *slot(DOMAIN_NUCLEUS, SLOT_SP);
    m->eflags = FLAGS_CLEAN;
    if (xsave_pkru_offset) {
        *frame_pkru(frame) = domain_table[DOMAIN_NUCLEUS].pkru;
        // Without its bit the kernel would restore the initial value, which allows everything.
        *(uint64_t *)((char *)m->fpstate + XSTATE_HEADER_OFFSET) |= XSTATE_PKRU_BIT;
    }
}

static void resume(struct context *context, struct ucontext *frame) {
    rights_resume(context);
    nucleus_target = context; // signals are blocked until the kernel has left for the stub
    leave(frame);
}

static void upcall(struct ucontext *frame, uint64_t kind, uint64_t argument, const struct context *interrupted) {
    rights_upcall(&upcall_context, kind, argument, interrupted);
    resume(&upcall_context, frame);
}

static uint32_t fault_kind(int signal, int code, const struct sigcontext *m) {
    switch (signal) {
    case SIGILL: return FAULT_ILLEGAL;
    case SIGFPE: return FAULT_DIVIDE;
    case SIGTRAP: return FAULT_TRAP;
    case SIGSYS: return FAULT_SYSCALL;
    case SIGBUS: return code == CODE_KERNEL ? FAULT_PROTECTION : FAULT_ALIGNMENT; // #SS, #AC
    }
    if (code == CODE_KERNEL) return FAULT_PROTECTION;
    return m->err & 16 ? FAULT_EXECUTE : m->err & 2 ? FAULT_WRITE : FAULT_READ;
}

static void fault(uint32_t kind, int signal, const siginfo_t *info, struct ucontext *frame, struct context *context) {
    uint64_t tsc = __builtin_ia32_rdtsc();
    struct fault *record = alias((uint64_t)&monitor_fault_record);
    bool has_address = kind == FAULT_READ || kind == FAULT_WRITE || kind == FAULT_EXECUTE;
    if (context->domain == DOMAIN_NUCLEUS || context->domain == DOMAIN_MONITOR)
        nucleus_panic(context->domain == DOMAIN_NUCLEUS ? "fault in the nucleus" : "fault in the monitor", signal, context->rip, (uint64_t)info->si_addr);
    *record = (struct fault){
        .kind = kind, .domain = context->domain, .thread = thread_current, .pkru = context->pkru,
        .pkey_fault = signal == SIGSEGV && (frame->uc_mcontext.err & 32) != 0,
        .address = has_address ? (uint64_t)info->si_addr : 0,
        .rip = context->rip, .rsp = context->rsp, .rbp = context->rbp, .tsc = tsc,
    };
    for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) record->anchor[d] = *slot(d, SLOT_SP);
    upcall(frame, UPCALL_FAULT, 0, context);
}

// True while a stub was putting nucleus_target back: then that, and not the stub, is what was interrupted.
// RIP and rights do not prove it: any domain can jump to the WRPKRU of another's stub, and a tick before gate_die would
// then start that other again where it was long ago. r11 proves it: it holds this resume's nonce up to the iretq, and
// to the iretq comes nobody but the domain itself (which then restarts itself, and may).
static bool in_stub(const struct sigcontext *m, uint32_t domain) {
    uint64_t rip = m->rip;
    if (!nucleus_target) return false;
    if (rip >= (uint64_t)nucleus_exit_stub && rip < (uint64_t)nucleus_exit_stub_end)
        return domain == DOMAIN_NUCLEUS || !xsave_pkru_offset;
    const struct domain *target = &domain_table[nucleus_target->domain];
    uint64_t stub = nucleus_target->stub, bytes = target->resume_end - target->resume;
    if (!stub || rip < stub || rip >= stub + bytes) return false;
    if (rip == stub + bytes - IRETQ_BYTES) return domain == nucleus_target->domain;
    return m->r11 == nucleus_target->nonce && (domain == DOMAIN_NUCLEUS || domain == nucleus_target->domain);
}

// Ticks in a row that found the scheduler at work on an answer.
static bool is_past_budget(const struct context *context) {
    static uint32_t found;
    found = context->domain >= DOMAIN_FIRST && public_area.cpu.monitor_busy ? found + 1 : 0;
    return config_recovery && found > SCHED_BUDGET_NS / REARM_NS;
}

static void tick(struct ucontext *frame, struct context *context, uint64_t kind, uint64_t argument) {
    if (is_past_budget(context)) {
        if (kind == UPCALL_STOP) nucleus_requests |= REQUEST_STOP;
        fault(FAULT_LOOP, SIGALRM, NULL, frame, context);
        return;
    }
    if (context->domain == DOMAIN_NUCLEUS || rights_in_monitor(context->domain)) {
        if (kind == UPCALL_STOP) nucleus_requests |= REQUEST_STOP;
        if (kind == UPCALL_REPORT) nucleus_requests |= REQUEST_REPORT;
        if (!nucleus_idle) timer_rearm(REARM_NS);
        resume(context, frame);
        return;
    }
    if (kind == UPCALL_TICK && nucleus_requests) {
        kind = nucleus_requests & REQUEST_STOP ? UPCALL_STOP : UPCALL_REPORT;
        nucleus_requests = 0;
    }
    if (context != &threads[thread_current].interrupted) threads[thread_current].interrupted = *context;
    upcall(frame, kind, argument, &threads[thread_current].interrupted);
}

// The kernel enters here through nucleus_signal_entry, all signals blocked, PKRU_N live.
__attribute__((used)) void nucleus_signal(int signal, siginfo_t *info, struct ucontext *frame) {
    struct sigcontext *m = &frame->uc_mcontext;
    if (!booted) {
        booted = true;
        nucleus_selector = &public_writable()->cpu.syscall_selector;
        lockdown();
        timer_start();
        upcall(frame, UPCALL_BOOT, 0, NULL);
        return;
    }
    uint32_t domain = rights_domain(xsave_pkru_offset ? *frame_pkru(frame) : 0, m->rip);
    struct context *context;
    if (in_stub(m, domain)) {
        context = nucleus_target;
    } else {
        context = domain == DOMAIN_NUCLEUS ? &nucleus_context
                : domain == DOMAIN_MONITOR ? &monitor_context
                : public_area.cpu.monitor_busy ? &scheduler_context
                : &threads[thread_current].interrupted;
        save(context, frame, domain);
        nucleus_target = NULL;
    }
    if (domain == domain_count) { // at a gate's failed check, or just before it, whatever the signal: never goes on
        fault(FAULT_ILLEGAL, signal, info, frame, context);
        return;
    }
    switch (signal) {
    case SIGUSR2: resume(context, frame); return; // only the first one means something: the boot
    case SIGALRM: tick(frame, context, UPCALL_TICK, 0); return;
    case SIGTERM: case SIGINT: tick(frame, context, UPCALL_STOP, 0); return;
    case SIGUSR1: tick(frame, context, UPCALL_REPORT, 0); return;
    case SIGTRAP:
        if (step_trap(context)) { // test builds: a trap in a domain is a tick that forces a switch
            tick(frame, context, UPCALL_TICK, 1);
            return;
        }
        context->rflags &= ~(uint64_t)FLAG_TRAP;
        // Neither nucleus nor monitor sets the flag: somebody brought it along to a WRPKRU, and is not known.
        if (domain == DOMAIN_NUCLEUS || domain == DOMAIN_MONITOR) context->domain = domain_count;
        break;
    case SIGBUS:
        if (context->rflags & FLAG_ALIGNMENT) { // AC is a domain's to set and a nuisance to its callees: clear, go on
            context->rflags &= ~(uint64_t)FLAG_ALIGNMENT;
            resume(context, frame);
            return;
        }
    }
    fault(fault_kind(signal, info->si_code, m), signal, info, frame, context);
}

void signal_install(void) {
    // SS_AUTODISARM: else a domain that faults with RSP inside this stack would kill the process.
    stack_t stack = {.ss_sp = alternate_stack, .ss_size = sizeof alternate_stack, .ss_flags = (int)(1u << 31)};
    if (SYSCALL(__NR_sigaltstack, &stack, 0) < 0) nucleus_panic("sigaltstack", 0);
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGALRM, SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
    struct sigaction action = {
        .sa_handler = (__sighandler_t)(void *)nucleus_signal_entry,
        .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTORER | SA_NODEFER,
        .sa_restorer = (__sigrestore_t)(void *)nucleus_restorer,
        .sa_mask = ~0ul,
    };
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (SYSCALL(__NR_rt_sigaction, signals[i], &action, 0, 8) < 0) nucleus_panic("rt_sigaction", (uint64_t)signals[i]);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    if (SYSCALL(__NR_timer_create, CLOCK_MONOTONIC, &event, &timer) < 0) nucleus_panic("timer_create", 0);
    int64_t self = SYSCALL(__NR_getpid);
    SYSCALL(__NR_kill, self, SIGUSR2);
}
