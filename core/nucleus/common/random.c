// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// random.c - unpredictable words: SipHash-2-4 of a counter under a secret key that the platform seeds once.
//
// A domain sees some outputs (its own tokens and sentinels), so a generator whose state can be recovered from outputs
// (xorshift and the like) would hand it everybody's tokens. Source: Aumasson and Bernstein, SipHash, 2012.
#include "random.h"

static uint64_t key[2], counter;

static uint64_t rotate(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

static void rounds(uint64_t v[4], int count) {
    while (count--) {
        v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
        v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
    }
}

void random_seed(const uint64_t seed[2]) { key[0] = seed[0], key[1] = seed[1]; }

uint64_t random_word(void) {
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                     key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
    const uint64_t blocks[2] = {counter++, 8ull << 56}; // an eight-byte message and its length block
    for (int i = 0; i < 2; i++) {
        v[3] ^= blocks[i];
        rounds(v, 2);
        v[0] ^= blocks[i];
    }
    v[2] ^= 0xff;
    rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
