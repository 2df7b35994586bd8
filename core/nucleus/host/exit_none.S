// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// exit_none.S - the only way from a handler (or from nucleus_thread_continue) back to interrupted code, backend none.
//
// Nothing to protect here: it only loads registers, in the same way for interrupted and for new code.
// IRQ: a signal in the stub starts it again: it takes all from nucleus_target.
#include "context_asm.h"
    .text
    .balign 64
    .globl nucleus_exit, nucleus_exit_stub, nucleus_exit_stub_end
// void nucleus_exit(struct context *).  FROM: nucleus_thread_continue.
nucleus_exit:
    push $2                                   // a domain's NT outlives the gates; it would make the iretq fault
    popfq
    mov  %rdi, nucleus_target(%rip)           // here and not before: a signal in between would have set it for itself
// FROM: above, sigreturn.  LIVE: nothing.
nucleus_exit_stub:
    mov  nucleus_target(%rip), %r11
    mov  CONTEXT_SELECTOR(%r11), %al
    mov  %al, public_area+1(%rip)             // monitor_busy of the code that goes on
    CONTEXT_LOAD
    CONTEXT_GO_ON
nucleus_exit_stub_end:
    .section .note.GNU-stack,"",@progbits
