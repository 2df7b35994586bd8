// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// nucleus_pc.S - platform pc: the monitor's gate to the nucleus.
//
// No frame, no token, no stack switch: ring 0 saves what the monitor has, checks that the system call came from this
// site under PKRU_M, and comes back to it, on the stack of whichever thread then runs. The number is the index into
// .nucleus_calls, which this file fills with the nucleus' functions in the order of the edges.
// Vocabulary: see frame_asm.h.

    .set nucleus_call_number, 0

    .section .nucleus_calls, "a", @progbits
    .balign 8
    .text

// FROM: GATE_NUCLEUS below; malice (any domain, any register): ring 0 then sees a foreign PKRU and reports the caller.
// LIVE IN: eax = number, rdi rsi rdx rcx = arguments, [rsp] = return address in the monitor. PKRU: M, or malice's.
nucleus_syscall_site:
    mov %rcx, %r10                // syscall takes rcx and r11
    syscall
    .globl nucleus_syscall_return
    .hidden nucleus_syscall_return
// FROM: ring 0, by iretq. LIVE IN: rax = result, callee-saved; the rest is zero. PKRU: M.
nucleus_syscall_return:
    ret

.macro GATE_NUCLEUS label caller callee entry id arity results ctok ktok mtok cpkru kpkru cid kid
    .pushsection .nucleus_calls, "a", @progbits
    .quad \entry
    .popsection
    .globl \label
    .type \label, @function
// FROM: the monitor. LIVE IN: rdi rsi rdx rcx = arguments. IRQ: any. PKRU: M.
\label:
    COUNT \caller \ctok
    mov $nucleus_call_number, %eax
\label\()_w1:
    jmp nucleus_syscall_site
\label\()_ret:
\label\()_w2:
\label\()_unw:
    ud2
\label\()_end:
    .set nucleus_call_number, nucleus_call_number + 1
.endm
