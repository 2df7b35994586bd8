// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// glob.c - see glob.h. Time is at most the product of both lengths: only the last star is tried again.
#include "glob.h"

// Whether character is in the class that starts after '['; *used becomes the pattern bytes up to and with ']'.
static bool in_class(const char *pattern, size_t bytes, char character, size_t *used) {
    bool negated = bytes && pattern[0] == '^', found = false;
    size_t i = negated;
    for (; i < bytes && pattern[i] != ']'; i++) {
        if (pattern[i] == '\\' && i + 1 < bytes) {
            found |= pattern[++i] == character;
        } else if (i + 2 < bytes && pattern[i + 1] == '-') {
            unsigned char low = (unsigned char)pattern[i], high = (unsigned char)pattern[i + 2];
            unsigned char wanted = (unsigned char)character;
            found |= low < high ? wanted >= low && wanted <= high : wanted >= high && wanted <= low;
            i += 2;
        } else {
            found |= pattern[i] == character;
        }
    }
    *used = i < bytes ? i + 1 : bytes;
    return found != negated;
}

bool glob_matches(const char *pattern, size_t pattern_bytes, const char *text, size_t bytes) {
    size_t p = 0, t = 0, star = (size_t)-1, resume = 0;
    while (t < bytes || p < pattern_bytes) {
        size_t used = 1;
        bool good = false;
        if (p < pattern_bytes && pattern[p] == '*') {
            star = p++;
            resume = t;
            continue;
        }
        if (p < pattern_bytes && t < bytes) {
            if (pattern[p] == '?') {
                good = true;
            } else if (pattern[p] == '[') {
                good = in_class(pattern + p + 1, pattern_bytes - p - 1, text[t], &used);
                used++;
            } else {
                used = pattern[p] == '\\' && p + 1 < pattern_bytes ? 2 : 1;
                good = pattern[p + used - 1] == text[t];
            }
        }
        if (good) {
            p += used;
            t++;
        } else if (star != (size_t)-1 && resume < bytes) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    return true;
}
