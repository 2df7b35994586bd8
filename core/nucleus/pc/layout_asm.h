// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// layout_asm.h - numbers that the assembly, the C code and the linker script of platform pc share.
#ifndef NUCLEUS_PC_LAYOUT_ASM_H
#define NUCLEUS_PC_LAYOUT_ASM_H

#define PHYSICAL_BASE 0x1000000   // where TEXT_BASE lies: 16 MiB, above everything that firmware keeps for itself
#define BOOT_MAP_BYTES 0x40000000 // 1 GiB: what boot.S maps of the start of memory; no frame above it is used

#define NUCLEUS_STACK_BYTES 0x4000

// Selectors. There is no 32-bit code segment for CPL 3 (attack A10): far transfers to one end in #GP.
#define NUCLEUS_CODE 0x08
#define NUCLEUS_DATA 0x10
#define DOMAIN_CODE 0x1b
#define DOMAIN_DATA 0x23
#define TASK_STATE 0x28

#define VECTOR_TICK 32
#define VECTOR_COUNT 40           // to the end of the PIC's master, which can be spurious on its last line
#define FLAGS_DOMAIN 0x202        // interrupts on
#define VECTOR_SYSCALL 256        // not a vector of the CPU: how syscall_entry marks its frame

#endif
