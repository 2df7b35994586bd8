// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// gates_pc_none.S - platform pc, backend none: function calls among components and monitor (none.S), and the monitor's
// system call to ring 0, which is the same as on mpk. Nothing counts calls here, as on host.
.macro COUNT caller ctok
.endm

#include "none.S"
#include "nucleus_pc.S"
