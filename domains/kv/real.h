// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// real.h - scores: IEEE 754 doubles as 64-bit patterns, in integer arithmetic, private to kv. Pure.
//
// Interface: real_parse, real_format, real_compare, real_add
//
// Domains have no floating point registers, and a score is not worth giving them some. All four are exact, then rounded to
// nearest, ties to even, as the hardware and the C library do; format is "%.17g", which is what Redis 7.0 sends.
// Limits: no hexadecimal numbers ("0x1p3", which Redis takes); of more than 800 digits the rest counts only as "not zero".
// A pattern is never a NaN: parse refuses it, and add says so.
#ifndef KV_REAL_H
#define KV_REAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REAL_TEXT_MAX 32
#define REAL_INFINITY 0x7ff0000000000000
#define REAL_SIGN ((uint64_t)1 << 63)

// False: no number, or one that overflows or underflows to zero (as Redis).
bool real_parse(const char *text, size_t bytes, uint64_t *value);
// Returns the characters written, without NUL.
size_t real_format(uint64_t value, char out[REAL_TEXT_MAX]);
// Below, equal or above 0, as left is below, equal to or above right. The two zeros are equal.
static inline int real_compare(uint64_t left, uint64_t right) {
    int64_t a = (int64_t)(left & ~REAL_SIGN), b = (int64_t)(right & ~REAL_SIGN);
    a = left & REAL_SIGN ? -a : a;
    b = right & REAL_SIGN ? -b : b;
    return (a > b) - (a < b);
}
// False: infinity minus infinity, which is not a number.
bool real_add(uint64_t left, uint64_t right, uint64_t *sum);

#endif
