// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// exit_mpk.S - the only way from a handler (or from nucleus_thread_continue) back to interrupted code, backend mpk.
//
// A handler never returns into a domain: the system-call selector would stay "allow". It returns here, with PKRU_N.
// IRQ: a signal anywhere from here to the iretq of a resume stub starts the stub again: it takes all from nucleus_target.
#include "context_asm.h"
    .text
    .balign 64
    .globl nucleus_exit, nucleus_exit_stub, nucleus_exit_stub_end
// void nucleus_exit(struct context *).  FROM: nucleus_thread_continue, malice (whose first access faults).  PKRU: N.
nucleus_exit:
    push $2                                   // a domain's NT outlives the gates; it would make the iretq fault
    popfq
    mov  %rdi, nucleus_target(%rip)           // here and not before: a signal in between would have set it for itself
// FROM: above, sigreturn.  LIVE: nothing.
nucleus_exit_stub:
    mov  nucleus_target(%rip), %r11
    mov  CONTEXT_SELECTOR(%r11), %al
    mov  %al, public_area(%rip)               // block, unless the nucleus itself was interrupted round its syscall
    CONTEXT_LOAD
    mov  CONTEXT_STUB(%r11), %rax
    test %rax, %rax
    jz   1f
    mov  CONTEXT_NONCE(%r11), %r11
    jmp  *%rax                                // resume_<domain>, from the nucleus's constant table
1:                                            // the nucleus goes on with its own rights
    CONTEXT_GO_ON
nucleus_exit_stub_end:
    .section .note.GNU-stack,"",@progbits
