// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// generator.h - random words from whatever was mixed in, as unpredictable as the best of it.
//
//   generator_mix(g, word)   what is mixed in can make nothing worse: the new state is a keyed hash under the old one
//   generator_next(g)        64 bits; the state is replaced with them, so who has it later cannot tell what was drawn
//
// Pure. All of it is SipHash-2-4 as a pseudorandom function under the state: outputs say nothing about the state, as
// they would with xorshift and the like. Invariant: no two hashes under one state have the same input. Source of the
// idea: fast key erasure (Bernstein, 2017).
#ifndef GENERATOR_H
#define GENERATOR_H

#include <stdint.h>
#include "siphash.h"

struct generator { uint64_t state[2]; };

enum generator_use { GENERATOR_LOW, GENERATOR_HIGH, GENERATOR_OUTPUT };

static inline uint64_t generator_hash(const struct generator *generator, uint64_t use, uint64_t word) {
    return siphash_2_4(generator->state, (const uint64_t[2]){ use, word }, 16);
}

static inline void generator_mix(struct generator *generator, uint64_t word) {
    const uint64_t low = generator_hash(generator, GENERATOR_LOW, word);
    generator->state[1] = generator_hash(generator, GENERATOR_HIGH, word);
    generator->state[0] = low;
}

static inline uint64_t generator_next(struct generator *generator) {
    const uint64_t output = generator_hash(generator, GENERATOR_OUTPUT, 0);
    generator_mix(generator, 0);
    return output;
}

#endif
