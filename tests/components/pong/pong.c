// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// pong.c - see pong.h.
#include "pong.h"

static volatile int calls;

int pong_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    return 0;
}

int pong_add(int a, int b) {
    calls++;
    return a + b;
}

int64_t pong_private_address(void) { return (int64_t)&calls; }
