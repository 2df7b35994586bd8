// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// random.c - SipHash-2-4 under a secret that is made at each start of the domain.
//
// boot_random can be read by every domain, so the time stamp counter at init, which only this domain saw, is mixed in:
// enough against a remote peer, not claimed against another domain. Invariant: the secret never leaves this file.
// Sources: SipHash (Aumasson, Bernstein, 2012); RFC 6528 for initial sequence numbers.
#include "random.h"
#include "public.h"
#include "clock.h"
#include "net_hooks.h"

static uint64_t secret[2];
static uint64_t drawn; // numbers handed out so far: the hashed counter

static uint64_t rotate_left(uint64_t value, unsigned bits) { return value << bits | value >> (64 - bits); }

static void sip_rounds(uint64_t v[4], int rounds) {
    while (rounds-- > 0) {
        v[0] += v[1]; v[1] = rotate_left(v[1], 13) ^ v[0]; v[0] = rotate_left(v[0], 32);
        v[2] += v[3]; v[3] = rotate_left(v[3], 16) ^ v[2];
        v[0] += v[3]; v[3] = rotate_left(v[3], 21) ^ v[0];
        v[2] += v[1]; v[1] = rotate_left(v[1], 17) ^ v[2]; v[2] = rotate_left(v[2], 32);
    }
}

// SipHash-2-4 of exactly two words.
static uint64_t keyed_hash(uint64_t first, uint64_t second) {
    uint64_t v[4] = { secret[0] ^ 0x736f6d6570736575, secret[1] ^ 0x646f72616e646f6d,
                      secret[0] ^ 0x6c7967656e657261, secret[1] ^ 0x7465646279746573 };
    const uint64_t message[3] = { first, second, (uint64_t)16 << 56 };
    for (int i = 0; i < 3; i++) {
        v[3] ^= message[i];
        sip_rounds(v, 2);
        v[0] ^= message[i];
    }
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
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
