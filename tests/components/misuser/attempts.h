// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// attempts.h - one misuse each, by name; a record names the function.
#ifndef MISUSER_ATTEMPTS_H
#define MISUSER_ATTEMPTS_H

#include <stdint.h>

struct attempt { const char *name; int (*make)(void); };
extern const struct attempt attempts[];
extern const uint32_t attempt_count;
// What then returns while heappeer holds a loan of object.
int attempt_lent(const char *object, int (*then)(void));
extern char *attempt_object;   // that the last one was about

#endif
