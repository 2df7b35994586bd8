// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// boot.c - see boot.h.
#include <stdbool.h>
#include "boot.h"
#include "public.h"

const char *boot_argument(const char *key, char *out, size_t room) {
    const volatile char *line = public_area.boot_arguments;
    const volatile char *end = line + BOOT_ARGUMENTS_BYTES; // the NUL is the monitor's promise; do not depend on it
    while (line < end && *line) {
        while (line < end && *line == ' ')
            line++;
        size_t i = 0;
        while (line + i < end && key[i] && line[i] == key[i])
            i++;
        char after = line + i < end ? line[i] : 0;
        if (i && !key[i] && (after == '=' || after == ' ' || after == 0)) {
            line += i + (after == '=');
            size_t used = 0;
            for (; line < end && *line && *line != ' ' && used + 1 < room; line++)
                out[used++] = *line;
            if (room)
                out[used] = 0;
            return out;
        }
        while (line < end && *line && *line != ' ')
            line++;
    }
    return NULL;
}

static int digit_value(char character) {
    if (character >= '0' && character <= '9')
        return character - '0';
    character |= 0x20;
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : 16;
}

uint64_t boot_number(const char *key, uint64_t fallback) {
    char text[32];
    if (!boot_argument(key, text, sizeof(text)))
        return fallback;
    const char *digit = text;
    int base = 10;
    if (digit[0] == '0' && (digit[1] | 0x20) == 'x') {
        base = 16;
        digit += 2;
    }
    uint64_t value = 0;
    const char *first = digit;
    for (; digit_value(*digit) < base; digit++)
        if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit_value(*digit), &value))
            return fallback;
    if (digit == first)
        return fallback;
    unsigned shift = *digit == 'K' ? 10 : *digit == 'M' ? 20 : *digit == 'G' ? 30 : 0;
    digit += shift != 0;
    if (*digit || value << shift >> shift != value)
        return fallback;
    return value << shift;
}
