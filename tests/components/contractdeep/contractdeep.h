// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// contractdeep.h - the other half of a mutual recursion through gates.
#ifndef CONTRACTDEEP_H
#define CONTRACTDEEP_H

#include <stdint.h>
#include "gate.h"

// Calls contract_descend(depth - 1) and returns what it returned; depth when that is 0. -ENOSTACK from the gate.
GATE(contractdeep) int contractdeep_descend(uint32_t depth);

#endif
