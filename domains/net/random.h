// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// random.h - unpredictable numbers for the network stack.
//
// random_init: a fresh secret; net_random: 32 bits (LWIP_RAND); net_initial_sequence: see port/net_hooks.h.
// Good against a peer that guesses sequence numbers or ports. It is not a generator for keys.
#ifndef NET_RANDOM_H
#define NET_RANDOM_H

#include <stdint.h>

// Before the first of the others: nothing else makes the secret. 0, or -EDOMAINDEAD: the source of entropy is dead.
// Does not block.
int random_init(void);
uint32_t net_random(void);

#endif
