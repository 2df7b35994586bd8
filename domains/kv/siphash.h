// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// siphash.h - the keyed hash of the store: SipHash-1-3.
//
// With a seed that clients do not know, they cannot choose keys that all fall into one chain. Pure.
// Source: Aumasson and Bernstein, INDOCRYPT 2012; 1-3 rounds as in Rust's and Ruby's hash tables.
#ifndef KV_SIPHASH_H
#define KV_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t siphash_rotate(uint64_t value, unsigned bits) { return value << bits | value >> (64 - bits); }

static inline void siphash_round(uint64_t v[4]) {
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

static inline uint64_t siphash_load(const unsigned char *from) {
    uint64_t word;
    __builtin_memcpy(&word, from, sizeof(word));
    return word;
}

static inline uint64_t siphash(const uint64_t seed[2], const void *data, size_t bytes) {
    const unsigned char *from = data;
    uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d, seed[0] ^ 0x6c7967656e657261,
                     seed[1] ^ 0x7465646279746573};
    uint64_t last = (uint64_t)bytes << 56;
    for (; bytes >= 8; bytes -= 8, from += 8) {
        uint64_t word = siphash_load(from);
        v[3] ^= word;
        siphash_round(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < bytes; i++)
        last |= (uint64_t)from[i] << (8 * i);
    v[3] ^= last;
    siphash_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        siphash_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
