// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// syscall.S - the one system-call site of the image.
//
// Syscall User Dispatch has an empty allowed range, so the selector byte decides: it is "allow" only between the two
// stores round the instruction. seccomp accepts nothing but nucleus_syscall_site behind it. A domain that jumps here
// cannot write the selector (key 15 is read-only to it) and gets SIGSYS.
    .text
    .balign 64
    .globl nucleus_syscall, nucleus_syscall_site, nucleus_restorer
// int64_t nucleus_syscall(number, a, b, c, d, e, f).  PKRU: N.  FROM: the nucleus, malice.
nucleus_syscall:
    mov  %rdi, %rax
    mov  %rsi, %rdi
    mov  %rdx, %rsi
    mov  %rcx, %rdx
    mov  %r8, %r10
    mov  %r9, %r8
    mov  8(%rsp), %r9
    mov  nucleus_selector(%rip), %r11
    movb $0, (%r11)
// FROM: above, nucleus_restorer, malice (whose selector says block).
nucleus_syscall_site:
    syscall
    mov  nucleus_selector(%rip), %r11
    movb $1, (%r11)
    ret

// Where a handler returns to: rt_sigreturn, RSP at the signal frame. What runs next is exit.S, which sets the selector.
nucleus_restorer:
    mov  nucleus_selector(%rip), %r11
    movb $0, (%r11)
    mov  $15, %eax
    jmp  nucleus_syscall_site
    .section .note.GNU-stack,"",@progbits
