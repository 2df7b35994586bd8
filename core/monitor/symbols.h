// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// symbols.h - names for text addresses, for reports.
#ifndef MONITOR_SYMBOLS_H
#define MONITOR_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Writes "fs_cache_fill+0x4c domains/fs/cache.c:88" to out (room bytes, always NUL-terminated when room > 0), without
// the line where it is not known, and "0x..." for an address in no function. Returns the length written. For a return
// address pass address - 1, so that the line is that of the call.
size_t symbol_format(char *out, size_t room, uint64_t address);

// The same without the offset in the function: "fs_cache_fill domains/fs/cache.c:88".
size_t symbol_site(char *out, size_t room, uint64_t address);

// As symbol_format, but the function's name alone; NULL when address lies in no function.
const char *symbol_name(uint64_t address);

// The source file of the code at address, as the build names it; NULL when it is not known.
const char *symbol_file(uint64_t address);

// Does address lie in code that the build generated: a gate, a resume stub, or a function f__stub, f__gate, f__locked?
bool symbol_is_generated(uint64_t address);

// Where symbol_table can be read: the one thing that symbols.c wants from whoever links it (symbol_rows.c; on platform pc also
// the nucleus, which sees the table elsewhere).
const uint32_t *symbol_rows(void);

#endif
