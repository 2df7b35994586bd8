// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// symbol_rows.c - the monitor reads the symbol table where it lies, in its own read-only data.
#include "symbols.h"

extern const uint32_t symbol_table[]; // scripts/symbols.py

const uint32_t *symbol_rows(void) { return symbol_table; }
