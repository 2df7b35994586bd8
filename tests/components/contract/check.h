// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// check.h - one line per check; what the files of contract share.
#ifndef CONTRACT_CHECK_H
#define CONTRACT_CHECK_H

#include <stdbool.h>
#include <stdint.h>

void check(const char *name, int64_t got, int64_t wanted);
bool is_apart(void); // does the peer live in another domain (backend mpk)?
void heap_checks(void);
void thread_checks(void);
void system_checks(void);

#endif
