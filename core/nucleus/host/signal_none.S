// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// signal_none.S - backend none: the kernel's entry into the handler needs no rights.
    .text
    .globl nucleus_signal_entry
nucleus_signal_entry:
    push $2                                   // see exit_none.S
    popfq
    jmp  nucleus_signal
    .section .note.GNU-stack,"",@progbits
