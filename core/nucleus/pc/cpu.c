// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// cpu.c - the CPU's own settings: where traps go, and everything that CPL 3 must not be able to do.
//
// Set once, never changed. No OSXSAVE: XSAVE, XRSTOR and XSETBV are #UD, so nothing but WRPKRU can write PKRU (A2).
// No FSGSBASE: gates use no segment base, and nobody can move one. No OSFXSR, EM set: no vector or x87 state. IOPL 0 and
// an I/O bitmap beyond the TSS limit: no ports. Trap gates have DPL 0 but for int3: `int n` is #GP. SYSENTER_CS stays 0: #GP.
#include "pc.h"

#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_FMASK 0xc0000084
#define MSR_SYSENTER_CS 0x174
#define FLAGS_CLEARED_BY_SYSCALL 0x47700 // AC NT IOPL DF IF TF: nothing that CPL 3 set is live in ring 0
#define CR4_PAE (1u << 5)
#define CR4_UMIP (1u << 11)
#define CR4_SMEP (1u << 20)
#define CR4_SMAP (1u << 21)
#define CR4_PKE (1u << 22)
#define IST_TRAPS 1
#define IST_ABORTS 2
#define VECTOR_NMI 2
#define VECTOR_BREAKPOINT 3       // DPL 3, harmless: else it would be told as a #GP
#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_MACHINE_CHECK 18

struct __attribute__((packed)) task_state {
    uint32_t pad;
    uint64_t rsp[3], pad2, ist[7], pad3; // ist[0] is IST1
    uint16_t pad4, io_bitmap;
};
struct trap_gate { uint16_t low, selector; uint8_t ist, type; uint16_t middle; uint32_t high, pad; };
struct __attribute__((packed)) table_pointer { uint16_t limit; uint64_t base; };

extern char nucleus_stack_top[], nucleus_abort_stack_top[];
extern char trap_stubs[], trap_stubs_end[], syscall_entry[]; // entry.S; stubs of equal size, one per vector

static struct task_state task_state;
static struct trap_gate trap_gates[VECTOR_COUNT];
static uint64_t segments[7] = {
    0,
    0x00af9b000000ffff,           // NUCLEUS_CODE: 64-bit, DPL 0
    0x00cf93000000ffff,           // NUCLEUS_DATA
    0x00affb000000ffff,           // DOMAIN_CODE: 64-bit, DPL 3; the only one
    0x00cff3000000ffff,           // DOMAIN_DATA
};                                // then TASK_STATE, two words

static void msr_write(uint32_t msr, uint64_t value) {
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static void cpuid(uint32_t leaf, uint32_t out[4]) {
    __asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(0));
}

void cpu_start(void) {
    uintptr_t state = (uintptr_t)&task_state;
    task_state.rsp[0] = task_state.ist[IST_TRAPS - 1] = (uintptr_t)nucleus_stack_top;
    task_state.ist[IST_ABORTS - 1] = (uintptr_t)nucleus_abort_stack_top;
    task_state.io_bitmap = sizeof(task_state);
    segments[TASK_STATE / 8] = (sizeof(task_state) - 1) | (state & 0xffffff) << 16 | 0x89ull << 40 |
                               (state >> 24 & 0xff) << 56;
    segments[TASK_STATE / 8 + 1] = state >> 32;
    for (uint32_t vector = 0; vector < VECTOR_COUNT; vector++) {
        uintptr_t stub = (uintptr_t)trap_stubs + vector * ((size_t)(trap_stubs_end - trap_stubs) / VECTOR_COUNT);
        bool is_abort = vector == VECTOR_NMI || vector == VECTOR_DOUBLE_FAULT || vector == VECTOR_MACHINE_CHECK;
        trap_gates[vector] = (struct trap_gate){ .low = (uint16_t)stub, .selector = NUCLEUS_CODE,
            .ist = is_abort ? IST_ABORTS : IST_TRAPS, .type = vector == VECTOR_BREAKPOINT ? 0xee : 0x8e, .middle = (uint16_t)(stub >> 16),
            .high = (uint32_t)(stub >> 32) };
    }
    struct table_pointer gdt = { sizeof(segments) - 1, (uintptr_t)segments };
    struct table_pointer idt = { sizeof(trap_gates) - 1, (uintptr_t)trap_gates };
    __asm__ volatile("lgdt %0; lidt %1; ltr %w2" : : "m"(gdt), "m"(idt), "r"(TASK_STATE) : "memory");
    __asm__ volatile("lldt %w0" : : "r"(0));
    msr_write(MSR_STAR, (uint64_t)NUCLEUS_CODE << 32); // SYSRET's half is unused: the way out is iretq
    msr_write(MSR_LSTAR, (uintptr_t)syscall_entry);
    msr_write(MSR_FMASK, FLAGS_CLEARED_BY_SYSCALL);
    msr_write(MSR_SYSENTER_CS, 0);
}

// Refuses a CPU without keys. SMEP, SMAP and UMIP are second lines: used where they exist.
void cpu_protect(void) {
    uint32_t leaf[4];
    cpuid(7, leaf);
    if ((leaf[2] >> 3 & 1) == 0) die_with("this CPU has no memory protection keys (PKU); QEMU needs -cpu max");
    uint64_t cr4 = CR4_PAE | CR4_PKE | (leaf[2] >> 2 & 1 ? CR4_UMIP : 0) | (leaf[1] >> 7 & 1 ? CR4_SMEP : 0) |
                   (leaf[1] >> 20 & 1 ? CR4_SMAP : 0);
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4) : "memory"); // the true point at which keys hold
}

// The seed of common/random.c: RDRAND, or where it is missing the TSC spread by SplitMix64's finaliser: then tokens are
// only as good as the clock.
uint64_t cpu_entropy(void) {
    static uint64_t state;
    uint32_t leaf[4];
    uint64_t value = 0;
    cpuid(1, leaf);
    if (leaf[2] >> 30 & 1) __asm__ volatile("rdrand %0" : "+r"(value) : : "cc");
    value ^= state += tsc_read() + 0x9e3779b97f4a7c15;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    value ^= value >> 31;
    return value != 0 ? value : 1;
}
