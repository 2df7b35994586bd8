// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// privileged.c - see privileged.h. The names are those of tests/groups/group_pc_faults.py, in the same order.
//
// System calls are not among them: the verifier refuses an image that has another one. Jumping to the one is the test's business.
#include "privileged.h"
#include "boot.h"
#include "log.h"

static uint64_t room[8];

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
    }
    log_line("privileged: ESCAPE");
    return 1;
}
