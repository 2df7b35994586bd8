// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// layout_asm.h - numbers that the assembly, the C code and the linker script of platform pc share.
#ifndef NUCLEUS_PC_LAYOUT_ASM_H
#define NUCLEUS_PC_LAYOUT_ASM_H

// Boot code at 1 MiB, the image at 2 MiB: both below 8 MiB, where UEFI firmware (OVMF) keeps memory for itself, and low
// enough that the smallest machine has it.
#define BOOT_BASE 0x100000
#define PHYSICAL_BASE 0x200000    // where TEXT_BASE lies; a multiple of 2 MiB, for boot.S's large pages
#define PHYSICAL_LIMIT 0x100000000 // 4 GiB: what boot.S maps; no memory above it is used

// Ring 0's own windows, supervisor pages: + physical address. The alias of domain memory lies below them
// (ALIAS_OFFSET).
// Device registers are uncached, each page mapped when somebody asks for it. UEFI firmware puts them at the end of what
// the CPU can address: 46 bits and more.
#define MMIO_BASE 0xffff800000000000
#define MMIO_LIMIT 0x7f0000000000
#define FRAMES_BASE 0x30000000000 // the memory that frames.c hands out: page tables are changed through it

#define NUCLEUS_STACK_BYTES 0x4000

// Selectors. There is no 32-bit code segment for CPL 3 (attack A10): far transfers to one end in #GP.
#define NUCLEUS_CODE 0x08
#define NUCLEUS_DATA 0x10
#define DOMAIN_CODE 0x1b
#define DOMAIN_DATA 0x23
#define TASK_STATE 0x28

#define VECTOR_TICK 32
#define VECTOR_LINE 33            // + global interrupt line (GSI)
#define LINE_COUNT 48              // microvm has two IOAPICs
#define VECTOR_SPURIOUS 95        // the local APIC wants its last four bits set
#define VECTOR_COUNT 96
#define FLAGS_DOMAIN 0x202        // interrupts on
#define VECTOR_SYSCALL 256        // not a vector of the CPU: how syscall_entry marks its frame

#endif
