// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// full.S - the full gate: private stacks, call and return integrity, register scrub, speculation masks, one WRPKRU
// per direction.
//
// C prototype: that of the exported function; the caller calls the label as if it were the function.
// Against: forged calls (A5) and returns (A6), a jump to either WRPKRU (A4), stale registers (A13), another's stack
// (A14), flags (A11), transient use of forged arguments (A34). Not against: values (A39), a peer that leaks its tokens.

.macro GATE_FULL label caller callee entry id arity results ctok ktok mtok cpkru kpkru cid kid
    .balign 64
    .globl \label
// FROM: A (plain call), malice.  LIVE: arguments, callee-saved of A.  PKRU: A; anyone else faults at the token.
\label:
    FRAME_SAVE
    mov  SLOT(\caller, TOKENS+8*\ctok), %r11
    FRAME_PUBLISH \caller
    COUNT \caller \ctok
    ENTER_CALLEE \label \callee \entry \id \arity \ktok \kpkru
// FROM: B's return, malice.  LIVE: rax = result.  PKRU: B; anyone else faults at the token.
\label\()_ret:
    mov  SLOT(\callee, TOKENS+8*\ktok), %r11
    mov  %rax, %r8
    xor  %ecx, %ecx
    xor  %edx, %edx
    RETURN_TO_CALLER \label \caller \cpkru
// FROM: (5).  PKRU: B.  The stack pointer is B's anchor; nothing is pushed on it.
\label\()_nostk:
    mov  SLOT(\callee, ERR), %rax
    jmp  \label\()_ret
\label\()_end:
.endm
