// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// random.c - SipHash-2-4 under a secret that is made at each start of the domain.
//
// boot_random can be read by every domain, so the time stamp counter at init, which only this domain saw, is mixed in:
// enough against a remote peer, not claimed against another domain. Invariant: the secret never leaves this file.
// Source: RFC 6528 for initial sequence numbers.
#include "random.h"
#include "public.h"
#include "clock.h"
#include "net_hooks.h"
#include "siphash.h"

static uint64_t secret[2];
static uint64_t drawn; // numbers handed out so far: the hashed counter

static uint64_t keyed_hash(uint64_t first, uint64_t second) {
    return siphash_2_4(secret, (const uint64_t[2]){first, second}, 16);
}

void random_init(void) {
    secret[0] = public_area.boot_random[0];
    secret[1] = public_area.boot_random[1];
    // Two hashes, so that each half of the new secret depends on all of the old one and on the counter's low bits.
    const uint64_t first = keyed_hash(__builtin_ia32_rdtsc(), public_area.boot_random[2]);
    const uint64_t second = keyed_hash(__builtin_ia32_rdtsc(), public_area.boot_random[3] ^ first);
    secret[0] = first;
    secret[1] = second;
}

uint32_t net_random(void) { return (uint32_t)keyed_hash(++drawn, UINT64_MAX); }

u32_t net_initial_sequence(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port) {
    const uint64_t addresses = (uint64_t)ip_addr_get_ip4_u32(local) << 32 | ip_addr_get_ip4_u32(remote);
    const uint64_t clock_4us = time_now_ns() / 4000; // RFC 6528: M, the 4 microsecond timer
    return (u32_t)(clock_4us + keyed_hash(addresses, (uint64_t)local_port << 16 | remote_port));
}
