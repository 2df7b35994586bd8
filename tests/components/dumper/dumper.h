// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// dumper.h - puts /dump.kv there before any thread runs, so that kv finds it when it starts.
//
// Boot argument dump=: good (golden.h), damaged (one bit of it is another), cut (its second half is missing); else no file.
#ifndef DUMPER_H
#define DUMPER_H

#include <stdint.h>
#include "gate.h"

// Returns 0, or an error of fs.
GATE(dumper) int dumper_init(uint32_t generation, int persist_valid);

#endif
