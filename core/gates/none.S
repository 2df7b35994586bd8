// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// none.S - backend none: function calls. No WRPKRU, no keys, no stacks of their own, nothing checked.
//
// What remains is one byte that says "the monitor is on the stack", so that a timer tick does not re-enter it; on
// backend mpk PKRU says the same. Calls between components are plain calls and need nothing from here.

// A component calls the monitor. FROM: anybody. The caller's frame is the only frame.
.macro GATE_NONE_TO_MONITOR label entry
    .balign 16
    .globl \label
\label:
    movb $1, public_area+1(%rip)              // public_area.cpu.monitor_busy
    sub  $8, %rsp
    call \entry
    add  $8, %rsp
    movb $0, public_area+1(%rip)
    ret
.endm

// The monitor calls a component (init, thread entry): ticks are welcome again.
.macro GATE_NONE_FROM_MONITOR label entry
    .balign 16
    .globl \label
\label:
    movb $0, public_area+1(%rip)
    sub  $8, %rsp
    call \entry
    add  $8, %rsp
    movb $1, public_area+1(%rip)
    ret
.endm
