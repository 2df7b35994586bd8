// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// boot.S - from the PVH entry to nucleus_main() at its high address.
//
// The one code that runs below 4 GiB: linked and loaded at 1 MiB, unmapped for good when paging.c has its own tables.
// Its tables map the first GiB of memory twice, writable and executable: as it is, and from TEXT_BASE on the memory at
// PHYSICAL_BASE. No domain code runs while they are in use. It sets no policy: see cpu.c.
// Never add a multiboot1 header: QEMU would probe it first and refuse an ELF64.
#include "address_map_asm.h"
#include "layout_asm.h"

#define PVH_NOTE_TYPE 18          // XEN_ELFNOTE_PHYS32_ENTRY
#define CR4_PAE 0x20
#define MSR_EFER 0xc0000080
#define EFER_SCE_LME_NXE 0x901
#define CR0_PG_WP_NE_EM_PE 0x80010025 // EM: there is no floating-point state, so none can leak or be poisoned
#define PRESENT_WRITABLE 3
#define PRESENT_WRITABLE_LARGE 0x83
#define LARGE_PAGE_BYTES 0x200000

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, PVH_NOTE_TYPE
    .asciz "Xen"
    .quad nucleus_start

    .section .boot, "awx", @progbits
    .code32
    .globl nucleus_start
    .type nucleus_start, @function
// PVH: 32-bit protected mode, paging off, flat segments, interrupts off. No stack until the last instructions.
// FROM: the virtual machine monitor only. LIVE IN: ebx = struct hvm_start_info. IRQ: off. PKRU: none yet.
nucleus_start:
    cld
    mov $CR4_PAE, %eax
    mov %eax, %cr4
    mov $boot_level4, %eax
    mov %eax, %cr3
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_SCE_LME_NXE, %eax
    wrmsr
    mov $CR0_PG_WP_NE_EM_PE, %eax
    mov %eax, %cr0                // the true point at which paging is on
    lgdt boot_gdt_pointer
    ljmp $NUCLEUS_CODE, $long_mode

    .code64
// FROM: nucleus_start. LIVE IN: ebx. LIVE OUT: rdi = struct hvm_start_info (physical). IRQ: off. PKRU: not enabled.
long_mode:
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
    mov %ebx, %edi
    movabs $nucleus_stack_top, %rsp
    movabs $nucleus_main, %rax
    call *%rax
    ud2

    .balign 8
boot_gdt:
    .quad 0, 0x00af9b000000ffff   // 64-bit code, DPL 0
boot_gdt_end:
boot_gdt_pointer:
    .word boot_gdt_end - boot_gdt - 1
    .long boot_gdt

    .balign PAGE_BYTES
boot_level4:
    .quad boot_level3 + PRESENT_WRITABLE
    .fill 511, 8, 0
boot_level3:                      // one entry per GiB
    .quad boot_level2_identity + PRESENT_WRITABLE
    .fill TEXT_BASE / BOOT_MAP_BYTES - 1, 8, 0
    .quad boot_level2_text + PRESENT_WRITABLE
    .fill 511 - TEXT_BASE / BOOT_MAP_BYTES, 8, 0
boot_level2_identity:
    .set page, 0
    .rept 512
    .quad page * LARGE_PAGE_BYTES + PRESENT_WRITABLE_LARGE
    .set page, page + 1
    .endr
boot_level2_text:
    .set page, 0
    .rept 512
    .quad PHYSICAL_BASE + page * LARGE_PAGE_BYTES + PRESENT_WRITABLE_LARGE
    .set page, page + 1
    .endr

    .bss
    .balign PAGE_BYTES
    .fill NUCLEUS_STACK_BYTES
    .globl nucleus_stack_top
nucleus_stack_top:
    .fill PAGE_BYTES              // #DF, NMI, #MC: their own stack (IST2)
    .globl nucleus_abort_stack_top
nucleus_abort_stack_top:

    .section .note.GNU-stack, "", @progbits
