// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// signal_none.S - backend none: the kernel's entry into the handler needs no rights.
    .text
    .globl nucleus_signal_entry
nucleus_signal_entry:
    jmp  nucleus_signal
    .section .note.GNU-stack,"",@progbits
