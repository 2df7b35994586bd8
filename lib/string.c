// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// string.c - see string.h.
//
// Short copies move overlapping 8-byte words; long ones use the CPU's string instructions, which are the fastest that
// general registers offer (ERMS). NO_IDIOM keeps gcc from recognising a loop here as the very function that it implements.
#include <stdint.h>
#include "string.h"

#define NO_IDIOM __attribute__((optimize("no-tree-loop-distribute-patterns")))
#define STRING_INSTRUCTION_BYTES 256 // from here the start-up of rep movsb/stosb (about 35 cycles) is repaid

typedef uint64_t __attribute__((may_alias, aligned(1))) word8_t;
typedef uint32_t __attribute__((may_alias, aligned(1))) word4_t;
typedef uint16_t __attribute__((may_alias, aligned(1))) word2_t;

NO_IDIOM void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    char *out = to;
    const char *in = from;
    if (bytes >= STRING_INSTRUCTION_BYTES) {
        void *destination = to;
        __asm__ volatile("rep movsb" : "+D"(destination), "+S"(from), "+c"(bytes) : : "memory");
    } else if (bytes >= 8) {
        word8_t last = *(const word8_t *)(in + bytes - 8);
        for (size_t i = 0; i + 8 < bytes; i += 8)
            *(word8_t *)(out + i) = *(const word8_t *)(in + i);
        *(word8_t *)(out + bytes - 8) = last;
    } else if (bytes >= 4) {
        word4_t first = *(const word4_t *)in, last = *(const word4_t *)(in + bytes - 4);
        *(word4_t *)out = first;
        *(word4_t *)(out + bytes - 4) = last;
    } else if (bytes >= 2) {
        word2_t first = *(const word2_t *)in, last = *(const word2_t *)(in + bytes - 2);
        *(word2_t *)out = first;
        *(word2_t *)(out + bytes - 2) = last;
    } else if (bytes) {
        *out = *in;
    }
    return to;
}

NO_IDIOM void *memmove(void *to, const void *from, size_t bytes) {
    char *out = to;
    const char *in = from;
    if ((uintptr_t)out - (uintptr_t)in >= bytes) { // a forward copy never overwrites what it has yet to read
        size_t i = 0;
        if ((uintptr_t)in - (uintptr_t)out >= bytes)
            return memcpy(to, from, bytes); // disjoint
        if ((uintptr_t)in - (uintptr_t)out >= 8)
            for (; i + 8 <= bytes; i += 8)
                *(word8_t *)(out + i) = *(const word8_t *)(in + i);
        for (; i < bytes; i++)
            out[i] = in[i];
        return to;
    }
    if (out == in)
        return to;
    size_t i = bytes;
    if ((uintptr_t)out - (uintptr_t)in >= 8)
        for (; i >= 8; i -= 8)
            *(word8_t *)(out + i - 8) = *(const word8_t *)(in + i - 8);
    while (i--)
        out[i] = in[i];
    return to;
}

NO_IDIOM void *memset(void *to, int value, size_t bytes) {
    char *out = to;
    uint64_t pattern = (uint8_t)value * 0x0101010101010101u;
    if (bytes >= STRING_INSTRUCTION_BYTES) {
        void *destination = to;
        __asm__ volatile("rep stosb" : "+D"(destination), "+c"(bytes) : "a"(value) : "memory");
    } else if (bytes >= 8) {
        for (size_t i = 0; i + 8 < bytes; i += 8)
            *(word8_t *)(out + i) = pattern;
        *(word8_t *)(out + bytes - 8) = pattern;
    } else {
        for (size_t i = 0; i < bytes; i++)
            out[i] = (char)value;
    }
    return to;
}

NO_IDIOM int memcmp(const void *left, const void *right, size_t bytes) {
    const unsigned char *a = left, *b = right;
    for (size_t i = 0; bytes >= 8; i += 8) {
        i = i < bytes - 8 ? i : bytes - 8; // the last word overlaps the one before
        uint64_t x = *(const word8_t *)(a + i), y = *(const word8_t *)(b + i);
        if (x != y)
            return __builtin_bswap64(x) < __builtin_bswap64(y) ? -1 : 1; // the first byte counts most
        if (i == bytes - 8)
            return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        if (a[i] != b[i])
            return a[i] - b[i];
    return 0;
}

NO_IDIOM void *memchr(const void *where, int value, size_t bytes) {
    const unsigned char *text = where;
    for (size_t i = 0; i < bytes; i++)
        if (text[i] == (unsigned char)value)
            return (void *)(uintptr_t)(text + i);
    return NULL;
}

NO_IDIOM size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}

NO_IDIOM size_t strnlen(const char *text, size_t room) {
    size_t length = 0;
    while (length < room && text[length])
        length++;
    return length;
}

NO_IDIOM int strcmp(const char *left, const char *right) {
    while (*left && *left == *right)
        left++, right++;
    return (unsigned char)*left - (unsigned char)*right;
}

NO_IDIOM int strncmp(const char *left, const char *right, size_t bytes) {
    for (; bytes; bytes--, left++, right++)
        if (*left != *right || !*left)
            return (unsigned char)*left - (unsigned char)*right;
    return 0;
}

NO_IDIOM char *strchr(const char *text, int character) {
    for (;; text++) {
        if (*text == (char)character)
            return (char *)(uintptr_t)text;
        if (!*text)
            return NULL;
    }
}
