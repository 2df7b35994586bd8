// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// gates_host_mpk.S - the gate kinds of one platform and backend; the generated gates.S includes this, sets GATE_COUNT,
// GATE_PKRU_MONITOR and GATE_PKRU_NUCLEUS first, and instantiates one macro per edge.
#include "frame_asm.h"
#include "full.S"
#include "light.S"
#include "give.S"
#include "resume_host.S"

// host: the nucleus is entered like any domain, by a full gate to PKRU_N.
.macro GATE_NUCLEUS label caller callee entry id arity results ctok ktok mtok cpkru kpkru cid kid
    GATE_FULL \label \caller \callee \entry \id \arity \results \ctok \ktok \mtok \cpkru \kpkru \cid \kid
.endm

    .text
    .balign 64
    .globl gate_die
// FROM: every failed check, malice.  PKRU: the victim's, or arbitrary: never blame by it (design 4.2).
gate_die:
    ud2

    SIGNAL_ENTRY
