// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// contractdeep.c - see contractdeep.h.
#include "contractdeep.h"
#include "contract.h"

int contractdeep_descend(uint32_t depth) { return depth ? contract_descend(depth - 1) : 0; }
