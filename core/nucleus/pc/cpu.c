// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// cpu.c - the CPU's own settings: where traps go, and everything that CPL 3 must not be able to do.
//
// Set once, never changed; the rights that a backend needs are rights_*.c's. No OSXSAVE: XSAVE, XRSTOR and XSETBV are
// #UD, so nothing but WRPKRU can write PKRU (A2). No FSGSBASE: gates use no segment base, and nobody can move one. No
// OSFXSR, EM set: no vector or x87 state. IOPL 0 and an I/O bitmap beyond the TSS limit: no ports. Interrupt gates have
// DPL 0 but for int3: `int n` is #GP. SYSENTER_CS stays 0: #GP.
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
#define LEAF_FEATURES 1
#define LEAF_EXTENDED 7
#define ECX 2
#define EBX 1
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
struct interrupt_gate { uint16_t low, selector; uint8_t ist, type; uint16_t middle; uint32_t high, pad; };
struct __attribute__((packed)) table_pointer { uint16_t limit; uint64_t base; };

extern char nucleus_stack_top[], nucleus_trap_stack_top[], nucleus_abort_stack_top[];
extern char trap_stubs[], trap_stubs_end[], syscall_entry[]; // entry.S; stubs of equal size, one per vector

static struct task_state task_state;
static struct interrupt_gate interrupt_gates[VECTOR_COUNT];
static uint64_t segments[7] = {
    0,
    0x00af9b000000ffff,           // NUCLEUS_CODE: 64-bit, DPL 0
    0x00cf93000000ffff,           // NUCLEUS_DATA
    0x00affb000000ffff,           // DOMAIN_CODE: 64-bit, DPL 3; the only one
    0x00cff3000000ffff,           // DOMAIN_DATA
};                                // then TASK_STATE, two words

// All zero for a leaf that the CPU does not have (it would answer with another one).
void cpuid(uint32_t leaf, uint32_t out[4]) {
    uint32_t most, subleaf = 0, base = leaf & 0xf0000000;
    __asm__ volatile("cpuid" : "=a"(most), "+c"(subleaf) : "a"(base) : "ebx", "edx");
    for (int i = 0; i < 4; i++) out[i] = 0;
    if (leaf > most || (most & 0xf0000000) != base) return;
    __asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(0));
}

bool cpu_has(uint32_t leaf, uint32_t word, uint32_t bit) {
    uint32_t words[4];
    cpuid(leaf, words);
    return words[word] >> bit & 1;
}

void cpu_start(void) {
    uintptr_t state = (uintptr_t)&task_state;
    task_state.rsp[0] = task_state.ist[IST_TRAPS - 1] = (uintptr_t)nucleus_trap_stack_top;
    task_state.ist[IST_ABORTS - 1] = (uintptr_t)nucleus_abort_stack_top;
    task_state.io_bitmap = sizeof(task_state);
    segments[TASK_STATE / 8] = (sizeof(task_state) - 1) | (state & 0xffffff) << 16 | 0x89ull << 40 |
                               (state >> 24 & 0xff) << 56;
    segments[TASK_STATE / 8 + 1] = state >> 32;
    // Interrupts have no stack of their own, so that one in the idle loop goes on below it: that loop can be on the
    // traps' stack (rights_none.c), which would start anew.
    for (uint32_t vector = 0; vector < VECTOR_COUNT; vector++) {
        uintptr_t stub = (uintptr_t)trap_stubs + vector * ((size_t)(trap_stubs_end - trap_stubs) / VECTOR_COUNT);
        bool is_abort = vector == VECTOR_NMI || vector == VECTOR_DOUBLE_FAULT || vector == VECTOR_MACHINE_CHECK;
        interrupt_gates[vector] = (struct interrupt_gate){ .low = (uint16_t)stub, .selector = NUCLEUS_CODE,
            .ist = is_abort ? IST_ABORTS : vector < VECTOR_TICK ? IST_TRAPS : 0,
            .type = vector == VECTOR_BREAKPOINT ? 0xee : 0x8e, .middle = (uint16_t)(stub >> 16),
            .high = (uint32_t)(stub >> 32) };
    }
    struct table_pointer gdt = { sizeof(segments) - 1, (uintptr_t)segments };
    struct table_pointer idt = { sizeof(interrupt_gates) - 1, (uintptr_t)interrupt_gates };
    __asm__ volatile("lgdt %0; lidt %1; ltr %w2" : : "m"(gdt), "m"(idt), "r"(TASK_STATE) : "memory");
    __asm__ volatile("lldt %w0" : : "r"(0));
    msr_write(MSR_STAR, (uint64_t)NUCLEUS_CODE << 32); // SYSRET's half is unused: the way out is iretq
    msr_write(MSR_LSTAR, (uintptr_t)syscall_entry);
    msr_write(MSR_FMASK, FLAGS_CLEARED_BY_SYSCALL);
    msr_write(MSR_SYSENTER_CS, 0);
}

// SMEP, SMAP and UMIP are second lines: used where they exist.
void cpu_protect(void) {
    uint64_t cr4 = CR4_PAE | rights_cr4();
    if (cpu_has(LEAF_EXTENDED, ECX, 2)) cr4 |= CR4_UMIP;
    if (cpu_has(LEAF_EXTENDED, EBX, 7)) cr4 |= CR4_SMEP;
    if (cpu_has(LEAF_EXTENDED, EBX, 20)) cr4 |= CR4_SMAP;
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4) : "memory"); // the true point at which keys hold
}

// The seed of common/random.c: RDRAND, or where it is missing the TSC spread by SplitMix64's finaliser: then tokens are
// only as good as the clock.
uint64_t cpu_entropy(void) {
    static uint64_t state;
    uint64_t value = 0;
    if (cpu_has(LEAF_FEATURES, ECX, 30)) __asm__ volatile("rdrand %0" : "+r"(value) : : "cc");
    value ^= state += tsc_read() + 0x9e3779b97f4a7c15;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    value ^= value >> 31;
    return value != 0 ? value : 1;
}
