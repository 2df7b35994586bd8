// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// number.h - decimal numbers into text without format(): they stand at the head of most replies. Private to kv. Pure.
#ifndef KV_NUMBER_H
#define KV_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBER_MAX 20 // characters: a sign and 19 digits, or 20 digits
#define NUMBER_LINE_MAX (NUMBER_MAX + 3) // of RESP: the type character, the number, both end bytes

// Writes the digits, no NUL; returns where they end.
static inline char *number_put(char *out, uint64_t magnitude, bool negative) {
    if (negative)
        *out++ = '-';
    size_t digits = 1;
    for (uint64_t rest = magnitude; rest >= 10; rest /= 10)
        digits++;
    for (char *digit = out + digits; digit > out; magnitude /= 10)
        *--digit = (char)('0' + magnitude % 10);
    return out + digits;
}

// Writes a line of RESP: type character and number. Returns where it ends.
static inline char *number_line(char *out, char type, uint64_t magnitude, bool negative) {
    *out++ = type;
    out = number_put(out, magnitude, negative);
    out[0] = '\r';
    out[1] = '\n';
    return out + 2;
}

// The text of value; returns its length.
static inline size_t number_text(int64_t value, char out[NUMBER_MAX]) {
    return (size_t)(number_put(out, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0) - out);
}

#endif
