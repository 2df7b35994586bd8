// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// start.S - the first instruction of the process. Linux gives argc, argv and the environment on the stack.
    .text
    .globl nucleus_start
nucleus_start:
    xor  %ebp, %ebp
    mov  %rsp, %rdi
    and  $-16, %rsp
    call nucleus_main
    ud2
    .section .note.GNU-stack,"",@progbits
