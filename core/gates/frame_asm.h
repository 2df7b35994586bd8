// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// frame_asm.h - the vocabulary of every gate, and the pieces that all of them share.
//
// Words used at each label of core/gates/:
//   FROM:  who can arrive here. malice = any domain, by a jump, with every register chosen by it, under its own PKRU.
//   LIVE:  the registers that carry something, and what. A register not named is dead or the enemy's.
//   PKRU:  whose rights are live. A = caller, B = callee, M = monitor, N = nucleus.
//   IRQ:   always possible unless it says otherwise; the nucleus saves and restores every register and PKRU.
// Invariants (the proofs are in docs/gates.md): between a WRPKRU and its last check every memory operand is
// RIP-relative, nothing is pushed, and RSP is not used; every WRPKRU is followed by a compare of EAX and of a token.
//
// Frame of a suspended caller, from its anchor (SLOT_SP) upwards; the report and the unwinder read it:
//   +0 cookie (the edge's token)   +8 previous anchor   +16 r15 r14 r13 r12 rbp rbx   +64 return address
// Below the callee's anchor: -8 the edge id (inbound record).

#include "address_map_asm.h"
#include "slots_asm.h"

#define FRAME_RETURN 64
#define OWNER_GENERATION 0     // offsets in struct xheap_owner; shared-heap/monitor.c asserts them
#define OWNER_DOMAIN 7
#define GIVEN_BASE (PUBLIC_BASE + 2968) // public_area.given
#define ERROR_PERM 1

// FRAME_SAVE, then the cookie into r11, then FRAME_PUBLISH: "A is suspended on this edge" (registers, previous anchor,
// cookie); the two arguments that WRPKRU needs zero move. PKRU: A. Leaves r12 = argument 4, r13 = argument 3.
.macro FRAME_SAVE
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
.endm
.macro FRAME_PUBLISH caller
    push SLOT(\caller, SP)
    push %r11
    mov  %rsp, SLOT(\caller, SP)
    mov  %rcx, %r12
    mov  %rdx, %r13
    xor  %ecx, %ecx
    xor  %edx, %edx
.endm

// Counts the crossing, in the caller's own memory (CONFIG_GATE_COUNT).
.macro COUNT caller ctok
.if GATE_COUNT
    incq SLOT(\caller, CALLS+16*\ctok)
.endif
.endm

// Every non-argument register zero, and every argument register above the arity: nothing of A reaches B but what the
// prototype says (A13). r12/r13 give arguments 4 and 3 back.
.macro SCRUB_FOR_CALLEE arity
.if \arity >= 4
    mov  %r12, %rcx
.endif
.if \arity >= 3
    mov  %r13, %rdx
.endif
.if \arity < 1
    xor  %edi, %edi
.endif
.if \arity < 2
    xor  %esi, %esi
.endif
.if \arity < 5
    xor  %r8d, %r8d
.endif
.if \arity < 6
    xor  %r9d, %r9d
.endif
    xor  %ebx, %ebx
    xor  %ebp, %ebp
    xor  %r10d, %r10d
    xor  %r11d, %r11d
    xor  %r12d, %r12d
    xor  %r13d, %r13d
    xor  %r14d, %r14d
    xor  %r15d, %r15d
    cld
.endm

// If the branch before was mispredicted, the arguments are zero on the wrong path (finding 3). ZF from the token
// compare, rax = 0. Cheaper than LFENCE by 25 cycles.
.macro MASK_ARGUMENTS
    cmovne %rax, %rdi
    cmovne %rax, %rsi
    cmovne %rax, %r12
    cmovne %rax, %r13
    cmovne %rax, %r8
    cmovne %rax, %r9
.endm

// Back in A with its frame verified: un-publish, then restore. LIVE: r8 = result.
.macro FRAME_POP caller
    pop  SLOT(\caller, SP)
    cld
    pop  %r15
    pop  %r14
    pop  %r13
    pop  %r12
    pop  %rbp
    pop  %rbx
    mov  %r8, %rax
    xor  %edx, %edx
    xor  %edi, %edi
    xor  %esi, %esi
    xor  %r8d, %r8d
    xor  %r9d, %r9d
    xor  %r10d, %r10d
    xor  %r11d, %r11d
    ret
.endm

// B's side of the forward crossing: WRPKRU, the checks, B's stack, the call. LIVE on entry: r11 = token, arguments in
// rdi rsi r13 r12 r8 r9, ecx = edx = 0.
.macro ENTER_CALLEE label callee entry id arity ktok kpkru
    mov  $\kpkru, %eax
// FROM: above, malice.  PKRU: A before, B after, or whatever malice put into EAX.
\label\()_w1:
    wrpkru
    cmp  $\kpkru, %eax                        // (1) these rights and no others
    jne  gate_die
    mov  $0, %eax                             // keeps flags dead, makes rax the mask
    cmp  SLOT(\callee, TOKENS+8*\ktok), %r11  // (2) the half before really ran, with A's rights
    jne  gate_die
    MASK_ARGUMENTS                            // (3)
    mov  SLOT(\callee, SP), %rsp              // (4) a stack from B's memory only
    cmp  SLOT(\callee, LIM), %rsp             // (5) room for a call?
    jb   \label\()_nostk
    push $\id                                 // inbound record; makes the stack 16-byte aligned
    SCRUB_FOR_CALLEE \arity
    call \entry
.endm

// A's side of the way back. LIVE on entry: r8 = result, r11 = token, ecx = edx = 0.
.macro RETURN_TO_CALLER label caller cpkru
    mov  $\cpkru, %eax
// FROM: above, malice.  PKRU: B before, A after, or whatever malice put into EAX.
\label\()_w2:
    wrpkru
    cmp  $\cpkru, %eax                        // (6)
    jne  gate_die
    mov  SLOT(\caller, SP), %rsp              // (7) A's most recent outstanding frame, from A's memory
    mov  $0, %eax
    pop  %r10
    cmp  %r11, %r10                           // (8) suspended on THIS edge, and the returner knows its token
    jne  gate_die
    cmovne %rax, %r8
// FROM: above; the nucleus, with PKRU_A, RSP = anchor + 8 and R8 = -EDOMAINDEAD, when B died.
\label\()_unw:
    FRAME_POP \caller                         // (9) pops the anchor first: a second return meets the older frame
.endm
