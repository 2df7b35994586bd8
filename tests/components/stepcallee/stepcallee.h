// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// stepcallee.h - what step calls: one function per kind of full gate, and the thread that step is switched to.
#ifndef STEPCALLEE_H
#define STEPCALLEE_H

#include <stddef.h>
#include <stdint.h>
#include "gate.h"
#include "errors.h"

GATE(stepcallee) int stepcallee_init(uint32_t generation, int persist_valid);

// The domain that this component lives in.
GATE(stepcallee) int stepcallee_domain(void);

// A number that depends on each bit of the six arguments; never negative.
GATE(stepcallee) int stepcallee_mix(uint64_t first, uint64_t second, uint64_t third, uint64_t fourth, uint64_t fifth,
                                    uint64_t sixth);

// Takes the object and frees it. Returns its first word, cut to 31 bits, or the error of xheap_free().
GATE(stepcallee) int stepcallee_eat(give uint64_t *object);

// Hands over a new object whose first word is value; returns its index for xheap_take(), -ENOMEM, or an error of
// xheap_pass().
GATE_GIVES(stepcallee) int stepcallee_make(uint64_t value);

// The sum of bytes / 8 words, cut to 31 bits.
GATE(stepcallee) int stepcallee_sum(lend_in(bytes) const uint64_t *words, size_t bytes);

// Yields for ever. Returns only when that fails.
THREAD(stepcallee, 10) int stepcallee_partner(void);

#endif
