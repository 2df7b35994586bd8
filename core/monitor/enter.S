// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// enter.S - where the nucleus enters the monitor.
//
// FROM: the nucleus only (resume stub, or the first switch to a thread).  PKRU: M.  LIVE: rdi = kind, rsi = argument.
// RSP is the monitor's anchor on this thread: everything below it is free. Neither routine returns.
#include "upcall_asm.h"
    .text
    .globl monitor_upcall, monitor_thread_start
monitor_upcall:
    xor  %ebp, %ebp
    sub  $8, %rsp
    call monitor_upcall_body
    ud2

// The return address in a new thread's hand-made frame; RSP is 16-byte aligned.
monitor_thread_start:
    xor  %ebp, %ebp
    mov  $UPCALL_THREAD_ASM, %edi
    mov  public_area+4(%rip), %esi            // public_area.cpu.thread
    call monitor_upcall_body
    ud2
    .section .note.GNU-stack,"",@progbits
