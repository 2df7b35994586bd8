// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// gates_pc_mpk.S - the gate kinds of platform pc, backend mpk; the generated gates.S includes this and instantiates one
// macro per edge. Between domains they are the same gates as on host.
#include "frame_asm.h"
#include "full.S"
#include "light.S"
#include "give.S"

// Ring 0 resumes a domain by itself (resume_pc_mpk.S), so that there is no stub to attack.
.macro RESUME_STUB label name pkru
    .globl resume_\label, resume_\label\()_end
resume_\label:
resume_\label\()_end:
.endm

    .text
    .balign 64
    .globl gate_die
// FROM: every failed check, malice.  PKRU: the victim's, or arbitrary: never blame by it (design 4.2).
gate_die:
    ud2

#include "nucleus_pc.S"
