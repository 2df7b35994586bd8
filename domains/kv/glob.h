// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// glob.h - Redis' patterns: * ? [a-z] [^x] and \ before a character that means itself. Private to kv. Pure.
#ifndef KV_GLOB_H
#define KV_GLOB_H

#include <stdbool.h>
#include <stddef.h>

bool glob_matches(const char *pattern, size_t pattern_bytes, const char *text, size_t bytes);

#endif
