// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// rdrand.c - see rdrand.h.
#include "rdrand.h"

#define TRIES 10                  // what Intel's manual asks for

bool rdrand(uint64_t *word) {
    bool is_right = false;
    for (int i = 0; i < TRIES && !is_right; i++)
        __asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(is_right)); // the word is 0 when the carry flag is
    return is_right;
}

bool rdrand_is_usable(void) {
    uint32_t eax = 1, ebx, ecx = 0, edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    uint64_t first, second;
    return (ecx >> 30 & 1) != 0 && rdrand(&first) && rdrand(&second) && first != second;
}
