// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// boot.S - from the two boot protocols to nucleus_main() at its high address.
//
// Multiboot2 (GRUB, BIOS and UEFI) and PVH (QEMU -kernel, microvm, Firecracker) both enter in 32-bit protected mode
// with paging off, so one entry serves both; boot_info.c tells them apart. The one code that runs below 4 GiB: linked
// and loaded at 1 MiB, unmapped for good when paging.c has its own tables. Its tables map the first 4 GiB as they are,
// and from TEXT_BASE on the memory at PHYSICAL_BASE; writable and executable, but no domain code runs while they are in
// use. It sets no policy: see cpu.c. Never add a multiboot1 header: QEMU would probe it first and refuse an ELF64.
#include "address_map_asm.h"
#include "layout_asm.h"

#define MULTIBOOT_MAGIC 0xe85250d6
#define MULTIBOOT_I386 0          // 32-bit protected mode of i386
#define PVH_NOTE_TYPE 18          // XEN_ELFNOTE_PHYS32_ENTRY
#define CR4_PAE 0x20
#define MSR_EFER 0xc0000080
#define EFER_SCE_LME_NXE 0x901
#define CPUID_EXTENDED 0x80000000
#define CPUID_LM_NX 0x20100000    // EDX of the leaf behind it
#define UART 0x3f8                // as it comes: console.c sets it up later
#define UART_LINE_STATUS 0x3fd
#define UART_HAS_ROOM 0x20        // also when no port answers
#define EXIT_DEVICE 0xf4
#define EXIT_UNUSABLE 69
#define CR0_PG_WP_NE_EM_PE 0x80010025 // EM: there is no floating-point state, so none can leak or be poisoned
#define PRESENT_WRITABLE 3
#define PRESENT_WRITABLE_LARGE 0x83
#define LARGE_PAGE_BYTES 0x200000
#define TABLE_BYTES 0x40000000    // what a table of large pages maps

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, PVH_NOTE_TYPE
    .asciz "Xen"
    .quad nucleus_start

    .section .boot, "awx", @progbits
    .balign 8
multiboot_header:                 // within the first 32 KiB of the file, because .boot is its first segment
    .long MULTIBOOT_MAGIC, MULTIBOOT_I386, multiboot_header_end - multiboot_header
    .long -(MULTIBOOT_MAGIC + MULTIBOOT_I386 + (multiboot_header_end - multiboot_header))
    .short 0, 0                   // the end tag, and no other: the ELF headers say all
    .long 8
multiboot_header_end:

    .code32
    .globl nucleus_start
    .type nucleus_start, @function
// Flat segments, interrupts off. No stack until the last instructions.
// FROM: the boot loader or virtual machine monitor only. LIVE IN: eax = multiboot2's magic or anything, ebx = what the
// protocol hands over. IRQ: off. PKRU: none yet.
nucleus_start:
    cld
    mov %eax, %esi
    rdtsc
    mov %eax, %edi
    mov %edx, %ebp                // the clock starts here
    mov %ebx, %esp                // there is no stack yet, and cpuid takes the rest
    mov $CPUID_EXTENDED, %eax
    cpuid
    cmp $CPUID_EXTENDED + 1, %eax
    jb cannot
    mov $CPUID_EXTENDED + 1, %eax
    cpuid
    not %edx
    test $CPUID_LM_NX, %edx       // the next MSR and CR0 would be a triple fault without
    jnz cannot
    mov %esp, %ebx
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

// Says so and stops. FROM: nucleus_start. LIVE IN: none. IRQ: off. PKRU: none.
cannot:
    mov $cannot_sentence, %esi
    mov $cannot_sentence_end - cannot_sentence, %ecx
1:  mov $UART_LINE_STATUS, %edx
    in %dx, %al
    test $UART_HAS_ROOM, %al
    jz 1b
    mov $UART, %edx
    outsb
    loop 1b
    mov $EXIT_UNUSABLE, %al
    out %al, $EXIT_DEVICE
2:  hlt
    jmp 2b
cannot_sentence:
    .ascii "cloister: this CPU has no 64-bit mode, or no NX; run it on a newer one (QEMU: -cpu max)\n"
cannot_sentence_end:

    .code64
// FROM: nucleus_start. LIVE IN: esi, ebx, ebp:edi. LIVE OUT: rdi = what the protocol hands over (physical), rsi = its
// magic, rdx = the TSC at nucleus_start.
// IRQ: off. PKRU: not enabled.
long_mode:
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
    mov %ebp, %edx
    shl $32, %rdx
    mov %edi, %edi
    or %rdi, %rdx
    mov %ebx, %edi
    mov %esi, %esi
    xor %ebp, %ebp
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
    .set table, 0
    .rept PHYSICAL_LIMIT / TABLE_BYTES
    .quad boot_level2_identity + table * PAGE_BYTES + PRESENT_WRITABLE
    .set table, table + 1
    .endr
    .fill (TEXT_BASE - PHYSICAL_LIMIT) / TABLE_BYTES, 8, 0
    .quad boot_level2_text + PRESENT_WRITABLE
    .fill 511 - TEXT_BASE / TABLE_BYTES, 8, 0
boot_level2_identity:
    .set page, 0
    .rept PHYSICAL_LIMIT / LARGE_PAGE_BYTES
    .quad page * LARGE_PAGE_BYTES + PRESENT_WRITABLE_LARGE
    .set page, page + 1
    .endr
boot_level2_text:
    .set page, 0
    .rept 512
    .quad PHYSICAL_BASE + page * LARGE_PAGE_BYTES + PRESENT_WRITABLE_LARGE
    .set page, page + 1
    .endr
boot_end:

    .section .rodata
    .balign 8
    .globl boot_end_address       // as data: too far away for an address of an instruction
boot_end_address:
    .quad boot_end

    .bss
    .balign PAGE_BYTES
    .fill NUCLEUS_STACK_BYTES     // system calls, and what boot.S starts
    .globl nucleus_stack_top
nucleus_stack_top:
    .fill NUCLEUS_STACK_BYTES     // exceptions and interrupts (IST1), also those that end the idle system call
    .globl nucleus_trap_stack_top
nucleus_trap_stack_top:
    .fill NUCLEUS_STACK_BYTES     // #DF, NMI, #MC (IST2)
    .globl nucleus_abort_stack_top
nucleus_abort_stack_top:

    .section .note.GNU-stack, "", @progbits
