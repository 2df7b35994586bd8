// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// random.h - words that no domain can predict, whatever it has seen: tokens, sentinels, nonces.
#ifndef NUCLEUS_RANDOM_H
#define NUCLEUS_RANDOM_H

#include <stdint.h>

void random_seed(const uint64_t seed[2]); // once, before the first word
uint64_t random_word(void);

#endif
