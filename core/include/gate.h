// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// gate.h - how a header says what crosses a domain boundary.
//
// Interface:
//   GATE(component) prototype;     an exported function of that component (or of the interface that it provides)
//   THREAD(component, priority) int f(void);  a thread that the monitor starts once every init has returned
//   lend_in(n), lend_out(n), lend_inout(n)    before a pointer parameter: n bytes (an expression over the other
//                                  parameters) are lent for this call; "in" is read, "out" is written by the callee
//   copy_in(n)                     the callee gets a private copy of n (at most COPY_MAX) bytes: no time-of-check race
//   give                           ownership of the shared-heap object moves to the callee; a give gate is used
//   GATE_GIVES(component)          like GATE; the callee hands objects back with xheap_pass(), the caller takes
//                                  them with xheap_take(); a give gate moves the owners on the return half
//   BLOCKS                         written before GATE: the call may block; a serial component's lock is released meanwhile
//
// Invariant: at most six integer or pointer arguments; a signed integer result of at least 32 bits, where negative is
// an error; no structs by value, no varargs, no function pointers. scripts/gategen.py refuses everything else.
// In an ordinary compile the words vanish; with -DGATE_SCAN they become markers that the generator parses.
// Source of the idea: CHERIoT's __cheri_compartment, Hubris leases, RedLeaf's RRef.
#ifndef CORE_GATE_H
#define CORE_GATE_H

#define COPY_MAX 1024

#ifdef GATE_SCAN
#define GATE(component) typedef int gate_scan__##component;
#define GATE_GIVES(component) typedef int gate_scan_gives__##component;
#define THREAD(component, priority) typedef int gate_scan_thread__##component[priority];
#define BLOCKS typedef int gate_scan_blocks;
#define lend_in(n) int gate_scan_lend_in[n],
#define lend_out(n) int gate_scan_lend_out[n],
#define lend_inout(n) int gate_scan_lend_inout[n],
#define copy_in(n) int gate_scan_copy_in[n],
#define give int gate_scan_give,
#else
#define GATE(component) __attribute__((warn_unused_result))
#define GATE_GIVES(component) __attribute__((warn_unused_result))
#define THREAD(component, priority)
#define BLOCKS
#define lend_in(n)
#define lend_out(n)
#define lend_inout(n)
#define copy_in(n)
#define give
#endif

#endif
