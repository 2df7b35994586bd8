// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// light.S - the light gate, for comparison only: keys and private stacks, and the value check after each WRPKRU.
//
// No tokens, no scrub, no masks: whoever jumps to a WRPKRU with the right EAX enters B, or resumes A (attacks A5, A6),
// and registers leak both ways (A13). It exists to show that what the full gate adds is nearly free.
// The frame has the full gate's layout; the cookie is the edge id.

.macro GATE_LIGHT label caller callee entry id arity results ctok ktok mtok cpkru kpkru cid kid
    .balign 64
    .globl \label
// FROM: A, malice.  LIVE: arguments.  PKRU: A.
\label:
    FRAME_SAVE
    mov  $\id, %r11
    FRAME_PUBLISH \caller
    COUNT \caller \ctok
    mov  $\kpkru, %eax
\label\()_w1:
    wrpkru
    cmp  $\kpkru, %eax
    jne  gate_die
    mov  SLOT(\callee, SP), %rsp
    cmp  SLOT(\callee, LIM), %rsp
    jb   \label\()_nostk
    push $\id
    mov  %r12, %rcx
    mov  %r13, %rdx
    call \entry
// FROM: B's return, malice.  LIVE: rax = result.  PKRU: B.
\label\()_ret:
    mov  %rax, %r8
    xor  %ecx, %ecx
    xor  %edx, %edx
    mov  $\cpkru, %eax
\label\()_w2:
    wrpkru
    cmp  $\cpkru, %eax
    jne  gate_die
    mov  SLOT(\caller, SP), %rsp
    pop  %r10
\label\()_unw:
    pop  SLOT(\caller, SP)
    pop  %r15
    pop  %r14
    pop  %r13
    pop  %r12
    pop  %rbp
    pop  %rbx
    mov  %r8, %rax
    ret
\label\()_nostk:
    mov  SLOT(\callee, ERR), %rax
    jmp  \label\()_ret
\label\()_end:
.endm
