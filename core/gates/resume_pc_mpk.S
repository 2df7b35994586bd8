// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// resume_pc_mpk.S - platform pc, backend mpk: the one way from ring 0 back to CPL 3 (or to its own idle loop).
//
// _Noreturn void context_enter(const struct context *); the struct is core/nucleus/pc/pc.h's, in nucleus memory.
// Linked into the nucleus' text, a supervisor page: CPL 3 cannot execute this WRPKRU (SMEP's converse is the U bit), so it
// needs no check after it. It lies here because WRPKRU is written under core/gates only.

    .text
    .globl context_enter
    .hidden context_enter
    .type context_enter, @function
// FROM: ring 0 only. LIVE IN: rdi = context. IRQ: off. PKRU: anyone's.
context_enter:
    mov %rdi, %rsp                // the context is popped like a stack
    pop %rax
    xor %ecx, %ecx
    xor %edx, %edx
    wrpkru                        // the thread's rights; ring 0 uses supervisor pages only, so nothing changes for it yet
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
