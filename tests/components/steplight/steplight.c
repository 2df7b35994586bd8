// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// steplight.c - see steplight.h.
#include "steplight.h"

int steplight_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    return 0;
}

int steplight_mix(uint64_t first, uint64_t second, uint64_t third, uint64_t fourth, uint64_t fifth, uint64_t sixth) {
    uint64_t value = first * 3 + second * 5 + third * 7 + fourth * 11 + fifth * 13 + sixth * 17;
    return (int)((value ^ value >> 32) & INT32_MAX);
}
