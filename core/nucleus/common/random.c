// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// random.c - unpredictable words: SipHash-2-4 of a counter under a secret key that the platform seeds once.
//
// A domain sees some outputs (its own tokens and sentinels), so a generator whose state can be recovered from outputs
// (xorshift and the like) would hand it everybody's tokens.
#include "random.h"
#include "siphash.h"

static uint64_t key[2], counter;

void random_seed(const uint64_t seed[2]) { key[0] = seed[0], key[1] = seed[1]; }

uint64_t random_word(void) {
    counter++;
    return siphash_2_4(key, &counter, sizeof counter);
}
