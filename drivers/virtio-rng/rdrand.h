// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// rdrand.h - the CPU's own source, an instruction that needs no privilege.
#ifndef RDRAND_H
#define RDRAND_H

#include <stdbool.h>
#include <stdint.h>

bool rdrand_is_usable(void);      // it is there, and does not answer the same twice (some CPUs did, after sleeping)
bool rdrand(uint64_t *word);      // false, and 0: it ran dry. Only where it is usable

#endif
