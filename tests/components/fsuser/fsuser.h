// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fsuser.h - uses every function of fs, from private memory and from the shared heap, fills it up, and starts it again.
//
// Prints "FSUSER ok NAME" or "FSUSER wrong NAME: got G, wanted W" per check, then "FSUSER end checks=N wrong=N".
// It does not test every case of POSIX: tests/unit/test_fs*.c do.
#ifndef FSUSER_H
#define FSUSER_H

#include <stdint.h>
#include "gate.h"

GATE(fsuser) int fsuser_init(uint32_t generation, int persist_valid);

// Returns 0, or 1 when anything was wrong.
THREAD(fsuser, 10) int fsuser_run(void);

#endif
