// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// inject_tick.S - where a tick sends a domain that is to go wrong (nucleus_thread_divert): in between any two of its
// instructions. FROM: the nucleus, which pushed the address that it goes on at. LIVE: every register, flags included.
    .text
    .globl domain_inject_tick
domain_inject_tick:
    pushfq
    push %rbp
    mov  %rsp, %rbp
    push %rax
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    cld
    and  $-16, %rsp
    call inject_tick
    lea  -72(%rbp), %rsp                      // the nine pushed behind rbp
    pop  %r11
    pop  %r10
    pop  %r9
    pop  %r8
    pop  %rdi
    pop  %rsi
    pop  %rdx
    pop  %rcx
    pop  %rax
    pop  %rbp
    popfq
    ret
    .section .note.GNU-stack,"",@progbits
