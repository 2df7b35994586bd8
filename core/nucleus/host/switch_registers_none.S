// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// switch_registers_none.S - void switch_registers_none(uint64_t *save, uint64_t load): the classic context switch.
    .text
    .globl switch_registers_none
switch_registers_none:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov  %rsp, (%rdi)
    mov  %rsi, %rsp
    pop  %r15
    pop  %r14
    pop  %r13
    pop  %r12
    pop  %rbp
    pop  %rbx
    ret
    .section .note.GNU-stack,"",@progbits
