// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// slots_asm.h - the words that a gate reads in a domain's own memory.
//
// Each domain has two pages at its data start, symbol slot_<domain>, under its own key. Words named below; then one
// 64-bit token per edge that the domain is part of (give edges: two, the monitor's three). The second page counts, per
// edge, the calls that the domain made and the bytes that its stubs copied for them.
// Invariant: gates name slots only through SLOT(), so that a per-CPU page (SMP) changes one line.
// What a domain writes into its own slots harms only itself: the peers' words lie in the peers' pages.
#ifndef CORE_SLOTS_ASM_H
#define CORE_SLOTS_ASM_H

#define SLOT_SP 0x00      // anchor: where this domain's stack continues on the running thread (swapped by the nucleus)
#define SLOT_LIM 0x08     // lowest anchor that still has room for a call (swapped)
#define SLOT_ERR 0x10     // what a call returns when there is no room: -ENOSTACK
#define SLOT_NONCE 0x18   // resume stub: non-zero for exactly one resume
#define SLOT_FRAME 0x20   // resume stub: rdx rcx rax r11, then an iretq frame
#define SLOT_GIVEN 0x68   // monitor's slots only: struct give_list of the running thread (swapped)
#define SLOT_COPIED 0x70  // payload that the domain's own code copied, in bytes: copy_data() (lib/copy.h)
#define SLOT_TOKENS 0x100 // u64 per edge; domain.h: TOKEN_*
#define SLOT_CALLS 0x1000 // two u64 per outgoing edge: crossings; bytes that stubs copied, the callee's for copy_in too
#define SLOTS_BYTES 0x2000
#define SLOT_EDGES_MAX 256

#ifdef __ASSEMBLER__
#define SLOT(domain, word) slot_\()domain+SLOT_##word(%rip)
#endif

#endif
