// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// siphash.h - a keyed hash: whoever does not know the key can neither predict it nor find collisions.
//
//   siphash_2_4   for what must be unpredictable: tokens, nonces, TCP sequence numbers
//   siphash_1_3   for hash tables whose keys others choose; faster, as in Rust's and Ruby's hash tables
//
// Pure. Source: Aumasson and Bernstein, SipHash, INDOCRYPT 2012.
#ifndef LIB_SIPHASH_H
#define LIB_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t siphash_rotate(uint64_t value, unsigned bits) { return value << bits | value >> (64 - bits); }

static inline void siphash_rounds(uint64_t v[4], int rounds) {
    while (rounds-- > 0) {
        v[0] += v[1];
        v[1] = siphash_rotate(v[1], 13) ^ v[0];
        v[0] = siphash_rotate(v[0], 32);
        v[2] += v[3];
        v[3] = siphash_rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = siphash_rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = siphash_rotate(v[1], 17) ^ v[2];
        v[2] = siphash_rotate(v[2], 32);
    }
}

static inline uint64_t siphash_load(const unsigned char *from) {
    uint64_t word;
    __builtin_memcpy(&word, from, sizeof(word));
    return word;
}

static inline uint64_t siphash(const uint64_t key[2], const void *data, size_t bytes, int rounds, int last_rounds) {
    const unsigned char *from = data;
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
                     key[1] ^ 0x7465646279746573};
    uint64_t last = (uint64_t)bytes << 56;
    for (; bytes >= 8; bytes -= 8, from += 8) {
        uint64_t word = siphash_load(from);
        v[3] ^= word;
        siphash_rounds(v, rounds);
        v[0] ^= word;
    }
    for (size_t i = 0; i < bytes; i++)
        last |= (uint64_t)from[i] << (8 * i);
    v[3] ^= last;
    siphash_rounds(v, rounds);
    v[0] ^= last;
    v[2] ^= 0xff;
    siphash_rounds(v, last_rounds);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline uint64_t siphash_2_4(const uint64_t key[2], const void *data, size_t bytes) {
    return siphash(key, data, bytes, 2, 4);
}

static inline uint64_t siphash_1_3(const uint64_t key[2], const void *data, size_t bytes) {
    return siphash(key, data, bytes, 1, 3);
}

#endif
