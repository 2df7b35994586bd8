// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// resume_pc_none.S - platform pc, backend none: the one way from ring 0 back to CPL 3.
//
// As resume_pc_mpk.S, without rights: the word is skipped. The CPU may have no WRPKRU.

    .text
    .globl context_enter
    .hidden context_enter
    .type context_enter, @function
// FROM: ring 0 only. LIVE IN: rdi = context. IRQ: off. PKRU: not enabled.
context_enter:
    lea 8(%rdi), %rsp             // the context is popped like a stack
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    add $16, %rsp                 // vector, error
    iretq                         // the true point at which the interrupted code goes on. LIVE OUT: all
    .size context_enter, . - context_enter

    .section .note.GNU-stack, "", @progbits
