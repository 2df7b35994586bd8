// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// stormcallee.c - see stormcallee.h.
#include "stormcallee.h"
#include "errors.h"

static volatile uint64_t spin_turns, spin_errors;

int stormcallee_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    return 0;
}

int stormcallee_check(uint64_t first, uint64_t second, uint64_t third, uint64_t fourth, uint64_t fifth, uint64_t sixth) {
    if (!rights_are_own())
        return -EPERM;
    if (second != first + 1 || third != first + 2 || fourth != first + 3 || fifth != first + 4 || sixth != first + 5)
        return -EINVAL;
    return (int)((first * 7 + 1) & INT32_MAX);
}

int stormcallee_errors(uint64_t *turns) {
    *turns = spin_turns;
    return (int)(spin_errors & INT32_MAX);
}

// Twelve values that the compiler keeps in registers; a switch that loses one changes the sum.
int stormcallee_spin(void) {
    for (uint64_t turn = 0;; turn++) {
        uint64_t a = turn, b = turn + 1, c = turn + 2, d = turn + 3, e = turn + 4, f = turn + 5;
        for (int i = 0; i < 64; i++) {
            a += b;
            b ^= c;
            c += d;
            d ^= e;
            e += f;
            f ^= i;
            __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
        }
        uint64_t sum = a ^ b ^ c ^ d ^ e ^ f;
        a = turn, b = turn + 1, c = turn + 2, d = turn + 3, e = turn + 4, f = turn + 5;
        for (int i = 0; i < 64; i++) {
            a += b;
            b ^= c;
            c += d;
            d ^= e;
            e += f;
            f ^= i;
            __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
        }
        if (sum != (a ^ b ^ c ^ d ^ e ^ f) || !rights_are_own())
            spin_errors++;
        spin_turns++;
    }
}
