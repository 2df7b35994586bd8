// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// floor.S - what two WRPKRU and a call cost, with nothing else: the bench's yardstick (CONFIG_BENCH_FLOOR only).
//
// Both load FLOOR_PKRU, the rights of the bench domain itself, so that they are no way out of it: unchecked, but
// whoever jumps here with another EAX must be the bench domain... or gains what EAX says. Never in a real image.

    .balign 64
floor_callee:
    ret

    .balign 64
    .globl gate_floor
// int gate_floor(void): xor/mov/wrpkru, call, xor/mov/wrpkru, ret, on one stack.
gate_floor:
    xor  %ecx, %ecx
    xor  %edx, %edx
    mov  $FLOOR_PKRU, %eax
gate_floor_w1:
    wrpkru
    call floor_callee
    xor  %ecx, %ecx
    xor  %edx, %edx
    mov  $FLOOR_PKRU, %eax
gate_floor_w2:
    wrpkru
    ret
gate_floor_end:

    .balign 64
    .globl gate_wrpkru
// int gate_wrpkru(void): one WRPKRU.
gate_wrpkru:
    xor  %ecx, %ecx
    xor  %edx, %edx
    mov  $FLOOR_PKRU, %eax
gate_wrpkru_w:
    wrpkru
    ret
gate_wrpkru_end:
