// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// privileged.c - see privileged.h. The names are those of tests/groups/group_pc_faults.py, in the same order.
//
// The verifier refuses an image with a second system call, so attempts on it jump to the one, at the boot argument at,
// or into the middle of another instruction, where the verifier does not look for them: ring 0 has to refuse those.
#include "privileged.h"
#include "boot.h"
#include "log.h"

#define SELECTOR_RING_0_CODE "0x08"     // core/nucleus/pc/layout_asm.h
#define SELECTOR_RING_0_DATA "0x10"
#define SELECTOR_CODE "0x1b"
#define SELECTOR_DATA "0x23"
#define SELECTOR_TASK "0x28"
#define NOT_CANONICAL 0x8000000000000000
#define FLAGS_HARMLESS 0x202
#define FLAG_TRAP 0x100
#define FLAGS_ODD 0x44402               // AC NT DF
#define FLAGS_PORTS 0x3002              // IOPL 3, and interrupts off
#define LONG_ENOUGH 100000000 // some ticks

static uint64_t room[8];

// Eight bytes of code inside a MOV, and a jump there, with flags on the stack and the domain's own data selector in
// eax.
#define HIDDEN(flags, bytes) \
    __asm__ volatile("push %0; jmp 1f + 2; 1: .byte 0x48, 0xb8, " bytes \
                     : : "r"((uint64_t)(flags)), "a"(0x23) : "rcx", "r11", "memory")

// With a frame for iretq of the caller's choice, behind which an attacker would go on.
#define IRETQ(code, flags, data) \
    __asm__ volatile("lea 1f(%%rip), %%rax; mov %%rsp, %%rcx; push $" data "; push %%rcx; push %0\n" \
                     "push $" code "; push %%rax; iretq; 1:" : : "r"((uint64_t)(flags)) : "rax", "rcx", "memory")

// A far jump or call to a selector, with this domain's own code as offset.
#define FAR(operation, selector) \
    __asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, (%0); movw $" selector ", 8(%0); rex.w " operation " *(%0); 1:" \
                     : : "r"(room) : "rax", "memory")

// To the system call, with flags and a stack pointer of its own.
static void system_call(uint64_t flags, uint64_t stack) {
    __asm__ volatile("push %0; mov %1, %%rdx; mov %2, %%rcx; xor %%eax, %%eax; popfq; mov %%rcx, %%rsp; jmp *%%rdx"
                     : : "r"(flags), "r"(boot_number("at", 0)), "r"(stack) : "rax", "rcx", "rdx", "memory");
}

// Runs for some ticks on a stack pointer that leads nowhere, and with a register that gates and interrupts use: whoever
// takes the interrupt must not touch that stack. Then uses a port, as a sign that it got that far.
static void wait_without_stack(void) {
    __asm__ volatile("mov %0, %%rsp; xor %%ebp, %%ebp; mov %1, %%ecx; 1: dec %%ecx; jnz 1b; outb %%al, $0x80"
                     : : "r"(NOT_CANONICAL), "i"(LONG_ENOUGH) : "rcx", "memory");
}

int privileged_run(void) {
    uint64_t word = 0;
    switch (boot_number("try", 0)) {
    case 0: __asm__ volatile("cli"); break;
    case 1: __asm__ volatile("hlt"); break;
    case 2: __asm__ volatile("outb %%al, $0x80" : : "a"(0)); break;
    case 3: __asm__ volatile("inb $0x60, %%al" : "=a"(word)); break;
    case 4: __asm__ volatile("rdmsr" : "=a"(word) : "c"(0xc0000082) : "rdx"); break;
    case 5: __asm__ volatile("wrmsr" : : "a"(0), "c"(0xc0000082), "d"(0)); break;
    case 6: __asm__ volatile("mov %%cr3, %0" : "=r"(word)); break;
    case 7: __asm__ volatile("mov %0, %%cr4" : : "r"(0ull)); break;
    case 8: __asm__ volatile("lgdt %0" : : "m"(room)); break;
    case 9: __asm__ volatile("lidt %0" : : "m"(room)); break;
    case 10: __asm__ volatile("int $0x20"); break;
    case 11: __asm__ volatile("xsetbv" : : "a"(0x207), "c"(0), "d"(0)); break;
    case 12: __asm__ volatile("swapgs"); break;
    case 13: __asm__ volatile("invlpg (%0)" : : "r"(room)); break;
    case 14: __asm__ volatile("mov %0, %%dr7" : : "r"(0ull)); break;
    case 15: __asm__ volatile("ltr %%ax" : : "a"(0x28)); break;
    case 16: __asm__ volatile("rdfsbase %0" : "=r"(word)); break;
    case 17: __asm__ volatile("fld1"); break;
    case 18: __asm__ volatile(".byte 0x0f, 0x57, 0xc0"); break; // xorps
    case 19: __asm__ volatile("sti"); break;
    case 20: __asm__ volatile(".byte 0xf1"); break;               // int1, for which no gate's DPL is asked
    case 21: __asm__ volatile("int $2"); break;
    case 22: __asm__ volatile("int $14"); break;
    case 23: __asm__ volatile("int $0x5f"); break;
    case 24: HIDDEN(0, "0xcd, 0x80, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90"); break;      // int 0x80
    case 25: HIDDEN(0, "0x0f, 0x34, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90"); break;      // sysenter
    case 26: __asm__ volatile("sgdt %0" : "=m"(room)); break;
    case 27: __asm__ volatile("sidt %0" : "=m"(room)); break;
    case 28: __asm__ volatile("sldt %0" : "=r"(word)); break;
    case 29: __asm__ volatile("str %0" : "=r"(word)); break;
    case 30: __asm__ volatile("smsw %0" : "=r"(word)); break;
    case 31: __asm__ volatile("rdpmc" : "=a"(word) : "c"(0) : "rdx"); break;
    case 32: __asm__ volatile("xgetbv" : "=a"(word) : "c"(0) : "rdx"); break;
    case 33: __asm__ volatile(".byte 0xc5, 0xfc, 0x57, 0xc0"); break; // vxorps, AVX
    case 34: __asm__ volatile(".byte 0x0f, 0xef, 0xc0"); break;   // pxor, MMX
    case 35: FAR("ljmp", SELECTOR_RING_0_CODE); break;
    case 36: FAR("lcall", SELECTOR_RING_0_CODE); break;
    case 37: FAR("ljmp", SELECTOR_TASK); break;
    case 38: IRETQ(SELECTOR_RING_0_CODE, FLAGS_HARMLESS, SELECTOR_RING_0_DATA); break;
    case 39: IRETQ(SELECTOR_CODE, FLAGS_HARMLESS, SELECTOR_RING_0_DATA); break;
    case 40:                      // NT
        IRETQ(SELECTOR_CODE, FLAGS_ODD, SELECTOR_DATA);
        IRETQ(SELECTOR_CODE, FLAGS_HARMLESS, SELECTOR_DATA);
        break;
    case 41: IRETQ(SELECTOR_CODE, FLAGS_PORTS, SELECTOR_DATA); __asm__ volatile("outb %%al, $0x80" : : "a"(0)); break;
    case 42: __asm__ volatile("push %0; popfq; cli" : : "r"((uint64_t)FLAGS_PORTS) : "memory"); break;
    case 43: __asm__ volatile("mov %0, %%ss" : : "r"(0x10)); break;
    case 44: __asm__ volatile("mov %0, %%ds" : : "r"(0x10)); break;
    case 45: __asm__ volatile("push %0; popfq; nop" : : "r"((uint64_t)FLAG_TRAP) : "memory"); break;
    case 46: HIDDEN(FLAG_TRAP, "0x9d, 0x8e, 0xd0, 0xcc, 0x90, 0x90, 0x90, 0x90"); break;      // popfq, mov to ss, int3
    case 47: wait_without_stack(); break;
    case 48: system_call(FLAGS_HARMLESS, (uint64_t)room); break;
    case 49: system_call(FLAGS_ODD, (uint64_t)room); break;
    case 50: system_call(FLAGS_HARMLESS, NOT_CANONICAL); break;
    case 51: system_call(FLAGS_HARMLESS, boot_number("stack", 0)); break;
    case 52: HIDDEN(FLAGS_HARMLESS, "0x9d, 0x0f, 0x05, 0x90, 0x90, 0x90, 0x90, 0x90"); break; // popfq, syscall
    case 53: HIDDEN(FLAG_TRAP, "0x9d, 0x0f, 0x05, 0x90, 0x90, 0x90, 0x90, 0x90"); break;
    case 54: HIDDEN(FLAG_TRAP, "0x9d, 0x8e, 0xd0, 0x0f, 0x05, 0x90, 0x90, 0x90"); break; // popfq, mov to ss, syscall
    case 55:                      // its own anchor, which ring 0 and the monitor look at
        *(volatile uint64_t *)boot_number("slots", 0) = NOT_CANONICAL;
        __asm__ volatile("int3");
        break;
    case 56:                      // for some ticks
        *(volatile uint64_t *)boot_number("slots", 0) = boot_number("stack", 0);
        __asm__ volatile("mov %0, %%ecx; 1: dec %%ecx; jnz 1b; int3" : : "i"(LONG_ENOUGH) : "rcx", "memory");
        break;
    }
    log_line("privileged: ESCAPE");
    return 1;
}
