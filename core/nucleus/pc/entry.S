// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// entry.S - every way into ring 0: exceptions, interrupts and the system call.
//
// Vocabulary: FROM says who can arrive (malice: any code at CPL 3, with registers of its choice); LIVE which registers
// mean something; IRQ whether interrupts can come; PKRU whose rights are live.
// All end in trap(struct context *), which does not return. The user's stack is never touched (A15): exceptions use IST
// stacks, the system call loads its own. PKRU is read first of all into the context, and it binds nothing in ring 0
// because ring 0 uses supervisor pages alone (A17).
#include "address_map_asm.h"
#include "layout_asm.h"

#define VECTORS_WITH_ERROR ((1 << 8) | (0x1f << 10) | (1 << 17) | (1 << 21) | (1 << 29) | (1 << 30))
#define STUB_BYTES 16

    .text
// FROM: malice, through the CPU; ring 0 when it has a bug. LIVE IN: all. IRQ: off. PKRU: the interrupted code's.
    .globl trap_stubs, trap_stubs_end
    .balign STUB_BYTES
trap_stubs:
    .set vector, 0
    .rept VECTOR_COUNT
    .balign STUB_BYTES, 0xcc
    .set has_error, 0
    .if vector < 32
    .set has_error, VECTORS_WITH_ERROR >> vector & 1
    .endif
    .if has_error == 0
    push $0                       // same frame for all
    .endif
    push $vector
    jmp trap_common
    .set vector, vector + 1
    .endr
    .balign STUB_BYTES, 0xcc
trap_stubs_end:

// FROM: malice, by `syscall` anywhere; legitimate only from nucleus_syscall_site (core/gates/nucleus_pc.S): trap()
// checks.
// LIVE IN: rax = number, rdi rsi rdx r10 = arguments, rcx = next rip, r11 = flags, rsp = user's, callee-saved.
// IRQ: off (FMASK). PKRU: the caller's.
    .globl syscall_entry
syscall_entry:
    mov %rsp, syscall_user_stack(%rip)
    lea nucleus_stack_top(%rip), %rsp
    push $DOMAIN_DATA
    push syscall_user_stack(%rip)
    push %r11
    push $DOMAIN_CODE
    push %rcx
    push $0
    push $VECTOR_SYSCALL
// FROM: trap_stubs, syscall_entry. LIVE IN: all general registers; stack = vector, error, iretq frame. IRQ: off.
// LIVE OUT: rdi = struct context. PKRU: the interrupted code's.
trap_common:
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    push $2                       // DF, and AC, by which CPL 3 would switch SMAP off
    popfq
    xor %ecx, %ecx
    mov %cr4, %rax
    bt $22, %eax                  // before CR4.PKE is set RDPKRU is #UD: a fault that early must still be reported
    mov $0, %eax
    jnc 1f
    rdpkru
1:  push %rax
    mov %rsp, %rdi
    xor %ebp, %ebp
    and $-16, %rsp
    call trap
    ud2

    .bss
    .balign 8
syscall_user_stack:
    .quad 0

    .section .note.GNU-stack, "", @progbits
