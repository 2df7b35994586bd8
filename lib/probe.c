// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// probe.c - CONFIG_TEST_PROBE: makes the domain that links it fault, as a hostile or broken one would.
//
// Every domain of a test image exports it to the monitor, which calls it for the boot argument probe=DOMAIN:ADDRESS:KIND.
// Kinds: r read, w write, x execute at the address; i illegal instruction, d divide by zero, t breakpoint, p address that is not
// canonical, s stack overflow, z write through a stack pointer of 0, j jump to 0.
#include <stdint.h>

int domain_probe(uintptr_t address, uint32_t kind);

// Uses up the stack, a kilobyte at a time; depth never ends before the stack does.
static __attribute__((noinline)) int overflow(uint32_t depth) {
    volatile char frame[1024];
    frame[0] = (char)depth;
    return depth ? overflow(depth - 1) + frame[0] : 0;
}

int domain_probe(uintptr_t address, uint32_t kind) {
    volatile uint8_t *byte = (volatile uint8_t *)address;
    switch (kind) {
    case 'r': return *byte & 0;
    case 'w': *byte = 0; break;
    case 'x': ((void (*)(void))address)(); break;
    case 'i': __builtin_trap();
    case 'd': __asm__ volatile("xor %%ecx, %%ecx; mov $1, %%eax; xor %%edx, %%edx; div %%ecx" : : : "rax", "rcx", "rdx"); break;
    case 't': __asm__ volatile("int3"); break;
    case 'p': __asm__ volatile("mov (%0), %%al" : : "r"(0x8000000000000000) : "rax"); break;
    case 's': return overflow(UINT32_MAX);
    case 'z': __asm__ volatile("xor %%esp, %%esp; push %%rax" : : : "memory"); break;
    case 'j': __asm__ volatile("xor %%eax, %%eax; jmp *%%rax" : : : "rax"); break;
    }
    return 0;
}
