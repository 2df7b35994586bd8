// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// context_asm.h - interrupted code as the nucleus saves it; C and exit.S read it (context.c asserts the offsets).
//
// From CONTEXT_R11 on, the order is that of the pops in the stubs: r11 rdx rcx rax, then an iretq frame.
#ifndef HOST_CONTEXT_ASM_H
#define HOST_CONTEXT_ASM_H

#define CONTEXT_RBX 0
#define CONTEXT_RBP 8
#define CONTEXT_RSI 16
#define CONTEXT_RDI 24
#define CONTEXT_R8 32
#define CONTEXT_R9 40
#define CONTEXT_R10 48
#define CONTEXT_R12 56
#define CONTEXT_R13 64
#define CONTEXT_R14 72
#define CONTEXT_R15 80
#define CONTEXT_R11 88
#define CONTEXT_STUB 160
#define CONTEXT_NONCE 168
#define CONTEXT_SELECTOR 176

#ifdef __ASSEMBLER__
// The registers that no stub needs for itself, from the context at r11.
.macro CONTEXT_LOAD
    mov  CONTEXT_RBX(%r11), %rbx
    mov  CONTEXT_RBP(%r11), %rbp
    mov  CONTEXT_RSI(%r11), %rsi
    mov  CONTEXT_RDI(%r11), %rdi
    mov  CONTEXT_R8(%r11), %r8
    mov  CONTEXT_R9(%r11), %r9
    mov  CONTEXT_R10(%r11), %r10
    mov  CONTEXT_R12(%r11), %r12
    mov  CONTEXT_R13(%r11), %r13
    mov  CONTEXT_R14(%r11), %r14
    mov  CONTEXT_R15(%r11), %r15
.endm

// The rest, popped from the context itself; the last instruction goes on with it.
.macro CONTEXT_GO_ON
    lea  CONTEXT_R11(%r11), %rsp
    pop  %r11
    pop  %rdx
    pop  %rcx
    pop  %rax
    iretq
.endm
#endif

#endif
