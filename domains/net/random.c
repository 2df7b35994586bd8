// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// random.c - SipHash-2-4 under a secret that is made at each start of the domain.
//
// The secret is one that no other domain can know, where there is a source of entropy (lib/secret.h). Invariant: it never
// leaves this file.
// Source: RFC 6528 for initial sequence numbers.
#include "random.h"
#include "clock.h"
#include "net_hooks.h"
#include "secret.h"
#include "siphash.h"

static uint64_t secret[2];
static uint64_t drawn; // numbers handed out so far: the hashed counter

static uint64_t keyed_hash(uint64_t first, uint64_t second) {
    return siphash_2_4(secret, (const uint64_t[2]){first, second}, 16);
}

int random_init(void) { return secret_draw("net", secret); }

uint32_t net_random(void) { return (uint32_t)keyed_hash(++drawn, UINT64_MAX); }

u32_t net_initial_sequence(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port) {
    const uint64_t addresses = (uint64_t)ip_addr_get_ip4_u32(local) << 32 | ip_addr_get_ip4_u32(remote);
    const uint64_t clock_4us = time_now_ns() / 4000; // RFC 6528: M, the 4 microsecond timer
    return (u32_t)(clock_4us + keyed_hash(addresses, (uint64_t)local_port << 16 | remote_port));
}
