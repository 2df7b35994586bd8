// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// rdrand.h - the CPU's own source, an instruction that needs no privilege.
//
//   rdrand_is_usable()   it is there, and does not answer the same twice (some CPUs did, after sleeping)
//   rdrand(&word)        false, and 0: it ran dry
#ifndef RDRAND_H
#define RDRAND_H

#include <stdbool.h>
#include <stdint.h>

#define RDRAND_TRIES 10           // what the manual asks for

static inline bool rdrand(uint64_t *word) {
    bool is_right = false;
    *word = 0;
    for (int i = 0; i < RDRAND_TRIES && !is_right; i++)
        __asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(is_right));
    return is_right;
}

static inline bool rdrand_is_usable(void) {
    uint32_t eax = 1, ebx, ecx = 0, edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    uint64_t first, second;
    return (ecx >> 30 & 1) != 0 && rdrand(&first) && rdrand(&second) && first != second;
}

#endif
